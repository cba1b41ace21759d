// Command broker-example opens a session of a Postgres service through broker, queries it with pgx, and closes it.
//
// The stubs come from proto/ (see README.md beside this file). Needs BROKER_ADDR (unix:/path or host:port) and
// BROKER_TOKEN; the password of the database is never here.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	brokerv1 "example.test/broker/gen/broker/v1"
)

func main() {
	service := "app-db"
	if len(os.Args) > 1 {
		service = os.Args[1]
	}
	if err := run(service); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(service string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+os.Getenv("BROKER_TOKEN"))
	channel, err := grpc.NewClient(os.Getenv("BROKER_ADDR"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer channel.Close()
	sessions := brokerv1.NewSessionsClient(channel)
	// For any number of clients until it is closed; a session for one client (the default) ends with that client.
	request := &brokerv1.OpenSessionRequest{Service: service, Connections: proto.Uint32(0), Reason: "examples/go"}
	session, err := sessions.Open(ctx, request)
	if err != nil {
		return err
	}
	defer sessions.Close(ctx, &brokerv1.CloseSessionRequest{Id: session.Id})
	// The hint names the real user and database; with a ticket its URL also carries the one-time password.
	connection, err := pgx.Connect(ctx, session.Hint.Url)
	if err != nil {
		return err
	}
	defer connection.Close(ctx)
	var user string
	var answer int
	if err := connection.QueryRow(ctx, "select current_user, 6 * 7").Scan(&user, &answer); err != nil {
		return err
	}
	fmt.Printf("go: %s %d\n", user, answer)
	return nil
}
