"""Opens a session of a Postgres service through broker, queries it with psycopg, and closes it.

The stubs come from proto/ (see README.md beside this file). Needs BROKER_ADDR (unix:/path or host:port) and BROKER_TOKEN;
the password of the database is never here.
"""

import os
import sys

import grpc
import psycopg

from broker.v1 import sessions_pb2, sessions_pb2_grpc


def main(service: str) -> None:
    metadata = [("authorization", f"Bearer {os.environ['BROKER_TOKEN']}")]
    with grpc.insecure_channel(os.environ["BROKER_ADDR"]) as channel:
        sessions = sessions_pb2_grpc.SessionsStub(channel)
        try:
            # For any number of clients until it is closed; a session for one client (the default) ends with that client.
            request = sessions_pb2.OpenSessionRequest(service=service, connections=0, reason="examples/python")
            session = sessions.Open(request, metadata=metadata, timeout=30)
        except grpc.RpcError as error:
            sys.exit(f"{error.code().name}: {error.details()}")
        # The hint names the real user and database; with a ticket its URL also carries the one-time password.
        with psycopg.connect(session.hint.url) as connection:
            row = connection.execute("select current_user, 6 * 7").fetchone()
        print(f"python: {row[0]} {row[1]}")
        sessions.Close(sessions_pb2.CloseSessionRequest(id=session.id), metadata=metadata, timeout=10)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "app-db")
