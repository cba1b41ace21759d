import type { BrokerClient } from '../../src/cli/connect.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { toStruct } from '../../src/core/struct.ts';
import type { PgServer } from '../fakes/pgserver.ts';
import { rig } from './rig.ts';

type PutRequest = Parameters<BrokerClient['services']['put']>[0];

/** A service record for the scripted server, as `Services.Put` takes it. */
export function fakePostgres(name: string, server: PgServer, over: Partial<PutRequest> = {}): PutRequest {
  const config = {
    host: '127.0.0.1',
    port: server.port,
    user: server.user,
    tls: 'disable',
    min_auth: 'md5',
    spares: 0,
  };
  return {
    name,
    kind: 'postgres',
    config: struct(config),
    secrets: { password: Buffer.from(server.password) },
    ...over,
  };
}

/** A service record for the rig's PostgreSQL. */
export function realPostgres(name: string, config: Record<string, string | number> = {}): PutRequest {
  const { host, port, logins, databases, ca } = rig().postgres;
  const { user, password } = logins.scram;
  const fields = { host, port, user, database: databases.app, ca: ca.cert, ...config };
  return { name, kind: 'postgres', config: struct(fields), secrets: { password: Buffer.from(password) } };
}

/** Fields as the wire has them. */
export function struct(fields: JsonObject): NonNullable<PutRequest['config']> {
  return toStruct(fields) as NonNullable<PutRequest['config']>;
}
