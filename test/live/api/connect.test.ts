import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { BrokerClient } from '../../../src/cli/connect.ts';
import { PgServer } from '../../fakes/pgserver.ts';
import { MASTER, TestDaemon } from '../../support/daemon.ts';
import { fakePostgres } from '../../support/pgservice.ts';
import { refusal } from '../../support/refusal.ts';
import { eventually } from '../../support/sessions.ts';

/* Sessions.Connect: one session on the stream of the call itself. */

let server: PgServer;
let daemon: TestDaemon;
let admin: BrokerClient;

before(async () => {
  server = await PgServer.start('app password');
  daemon = await TestDaemon.start();
  admin = await daemon.admin();
  await admin.services.put(fakePostgres('db', server));
});

after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

function packet(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}

const STARTUP = packet('', Buffer.concat([Buffer.from([0, 3, 0, 0]), Buffer.from('user\0me\0\0')]));
const query = (text: string): Buffer => packet('Q', Buffer.from(`${text}\0`));

/** A session on a stream, with what it has delivered so far and how its call ended. */
function session(client: BrokerClient) {
  const stream = client.sessions.connect();
  let received = Buffer.alloc(0);
  let look = (): void => undefined;
  const over = new Promise<{ code: number; details: string }>((resolve) => stream.once('status', resolve));
  stream.on('error', () => undefined);
  stream.on('data', ({ data }: { data: Buffer }) => {
    received = Buffer.concat([received, data]);
    look();
  });
  stream.write({ start: { service: 'db', reason: 'by stream' } });
  const until = (text: string): Promise<void> =>
    new Promise<void>((resolve) => {
      look = () => received.includes(text) && resolve();
      look();
    });
  return { stream, over, until };
}

test('carries a session from startup to its end, and ends well', async () => {
  const { stream, over, until } = session(await daemon.proxy());
  stream.write({ data: STARTUP });
  await until('server_version');
  stream.write({ data: query('hello there') });
  await until('hello there');
  stream.write({ data: packet('X', Buffer.alloc(0)) });
  stream.end();
  assert.equal((await over).code, 0);
  // Written when all is over, which the call does not wait for.
  await eventually(async () => (await daemon.audit({ action: 'session.end' })).length > 0);
  const end = (await daemon.audit({ action: 'session.end' })).at(-1);
  assert.match(`${end?.code} ${end?.reason}`, /^(client|upstream)_finished by stream$/);
  assert.ok((end?.bytesUp ?? 0) > 0 && (end?.bytesDown ?? 0) > 0);
});

test('a lock ends it in the words of the protocol, and the call says why', async () => {
  const { stream, over, until } = session(await daemon.proxy('second'));
  stream.write({ data: STARTUP });
  await until('server_version');
  await admin.vault.lock({});
  await until('57P01');
  const { code, details } = await over;
  assert.deepEqual([code, details], [10, 'db: the vault was locked']);
  await daemon.client().vault.unlock({ password: Buffer.from(MASTER) });
});

test('a client that goes away takes its session with it', async () => {
  const { stream, until } = session(await daemon.proxy('third'));
  stream.write({ data: STARTUP });
  await until('server_version');
  stream.cancel();
  await server.until(() => server.live === 0);
  assert.deepEqual((await admin.sessions.list({})).sessions, []);
});

test('a client that ends its input before the session begins is told that, and its session is gone', async () => {
  for (const data of [Buffer.alloc(0), STARTUP.subarray(0, 6)]) {
    const { stream, over } = session(await daemon.proxy(`early-${data.length}`));
    stream.end({ data });
    const { code, details } = await over;
    assert.deepEqual([code, details], [10, 'db: the client left before the session began']);
  }
  await server.until(() => server.live === 0);
  assert.deepEqual((await admin.sessions.list({})).sessions, []);
});

test('the first message must say which service', async () => {
  const stream = admin.sessions.connect();
  const over = new Promise<{ code: number }>((resolve) => stream.once('status', resolve));
  stream.on('error', () => undefined).resume();
  stream.end({ data: STARTUP });
  assert.equal((await over).code, 3);
  await refusal(admin.sessions.close({ id: 'none' }), 'not_found');
});
