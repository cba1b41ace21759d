import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { Conn } from '../../../src/core/conn.ts';
import type { Arrival, Door } from '../../../src/core/driver.ts';
import { BrokerError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { tlsContext } from '../../../src/core/tls.ts';
import { greet } from '../../../src/drivers/redis/local.ts';
import { encode } from '../../../src/drivers/redis/resp.ts';
import { readAll, socketPair } from '../../support/pair.ts';
import { rig } from '../../support/rig.ts';

const never = new AbortController().signal;
const TICKET = 'one-time';

interface Met {
  readonly arrival: Arrival;
  /** What the client was told. */
  readonly told: string;
  /** What is left for the server. */
  readonly left: string;
  readonly presented: readonly (string | undefined)[];
}

/** A client that sends `chunks` and closes its side, at a door that asks for the ticket or not. */
async function meet(chunks: readonly (string | Buffer)[], ticketRequired = false): Promise<Met> {
  const { near, far } = await socketPair();
  const presented: (string | undefined)[] = [];
  const door: Door = {
    ticketRequired,
    tls: undefined,
    idleMs: 0,
    async admit(secret: Secret | undefined) {
      const given = secret?.use((bytes) => bytes.toString());
      presented.push(given);
      return !ticketRequired || given === TICKET ? undefined : new BrokerError('denied', 'not the password');
    },
    admitSelf: async () => undefined,
    recorded: Promise.resolve(),
    admitSide: async () => undefined,
    note: async () => undefined,
  };
  for (const chunk of chunks) far.write(chunk);
  far.end();
  const told = readAll(far);
  const arrival = await greet(new Conn(near, 'client'), door, never);
  let left = '';
  if (arrival.type === 'client') {
    const { conn } = arrival.visitor;
    for (let more = await conn.some(never); more; more = await conn.some(never)) left += more.toString('latin1');
    near.end();
  }
  return { arrival, told: (await told).toString('latin1'), left, presented };
}

const get = encode(['GET', 'k']).toString();
const large = encode(['SET', 'k', 'x'.repeat(500_000)]).toString();

for (const [what, sent] of [
  ['a command', get],
  ['many commands', get.repeat(1_000)],
  ['a command larger than any buffer', large],
  ['an inline command', 'PING\r\nGET k\r\n'],
  ['AUTH with anything', `AUTH x\r\n${get}`],
] as const) {
  test(`${what} comes in, and goes to the server with all that follows`, async () => {
    const { arrival, left, told, presented } = await meet([sent]);
    assert.equal(arrival.type, 'client');
    assert.deepEqual([left, told, presented], [sent, '', [undefined]]);
  });
}

for (const [what, sent] of [
  ['nothing', ''],
  ['half a command', '*2\r\n$3\r\nGE'],
  ['empty lines', '\r\n\n\r\n'],
] as const) {
  test(`${what} is nobody, and is not asked at the door`, async () => {
    const { arrival, presented } = await meet([sent]);
    assert.equal(arrival.type, 'gone');
    assert.deepEqual(presented, []);
  });
}

for (const [what, sent, message] of [
  ['a browser', 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nSET k v\r\n', /an HTTP request/],
  ['a client that speaks TLS', Buffer.from('1603010005', 'hex'), /a TLS handshake, but this session is in the clear/],
  ['a length that is none', '*x\r\n', /the client sent/],
  ['a line without end', 'x'.repeat(70_000), /the client sent an inline command of more than/],
  ['a name without end', '*1\r\n$9999\r\n', /the client sent/],
] as const) {
  test(`${what} is told so and not let in`, async () => {
    const { arrival, told, presented } = await meet([sent]);
    assert.equal(arrival.type, 'refused');
    assert.match(told, /^-ERR broker: [^\r\n]+\r\n$/);
    assert.match(told, message);
    assert.deepEqual(presented, []);
  });
}

for (const [what, sent] of [
  ['AUTH', encode(['AUTH', TICKET])],
  ['AUTH with any user', encode(['auth', 'anyone', TICKET])],
  ['inline AUTH', Buffer.from(`AUTH "${TICKET}"\r\n`)],
  ['HELLO AUTH', encode(['HELLO', '3', 'AUTH', 'default', TICKET])],
  ['HELLO SETNAME AUTH', encode(['HELLO', '3', 'SETNAME', 'auth', 'AUTH', 'default', TICKET])],
] as const) {
  test(`the ticket comes by ${what}, at any place of a pipeline, and is left for the server to answer`, async () => {
    const behind = Buffer.concat([sent, Buffer.from(get)]);
    const first = await meet([behind], true);
    assert.deepEqual([first.arrival.type, first.told, first.left], ['client', '', behind.toString()]);
    assert.deepEqual(first.presented, [TICKET]);
    const before = encode(['CLIENT', 'SETNAME', 'x']);
    const later = await meet([before, encode(['HELLO', '3']), behind], true);
    assert.equal(later.arrival.type, 'client');
    assert.match(later.told, /^-NOAUTH Authentication required\.\r\n-NOAUTH HELLO must be called [^\r\n]*\r\n$/);
    assert.equal(later.left, behind.toString());
  });
}

for (const [what, sent] of [
  ['AUTH', encode(['AUTH', 'wrong'])],
  ['HELLO AUTH', encode(['HELLO', '3', 'AUTH', 'default', 'wrong'])],
] as const) {
  test(`a wrong ticket by ${what} is refused in Redis’s words`, async () => {
    const { arrival, told } = await meet([sent, get], true);
    assert.equal(arrival.type, 'refused');
    assert.equal(told, '-NOPERM broker: not the password\r\n');
  });
}

test('a client that never says the ticket gets NOAUTH for all it asks, and does not get in', async () => {
  const { arrival, told, presented } = await meet([get, 'PING\r\n', encode(['AUTH']), encode(['HELLO'])], true);
  assert.equal(arrival.type, 'gone');
  const noauth = '-NOAUTH Authentication required.\r\n';
  assert.equal(told, `${noauth}${noauth}-ERR wrong number of arguments for 'auth' command\r\n${noauth}`);
  assert.deepEqual(presented, []);
});

test('a client may leave without a ticket', async () => {
  const { arrival, told } = await meet(['QUIT\r\n'], true);
  assert.deepEqual([arrival.type, told], ['gone', '+OK\r\n']);
});

test('a login with a ticket is not kept beyond its bound', async () => {
  const { arrival } = await meet([`*2\r\n$4\r\nAUTH\r\n$100000\r\n${'x'.repeat(50_000)}`], true);
  assert.equal(arrival.type, 'refused');
});

test('a client that stalls is given up with the signal, and its connection closed', async () => {
  const { near, far } = await socketPair();
  const stop = new AbortController();
  const door: Door = {
    ticketRequired: true,
    tls: undefined,
    idleMs: 0,
    admit: () => assert.fail('nobody is at the door'),
    admitSelf: async () => undefined,
    recorded: Promise.resolve(),
    admitSide: async () => undefined,
    note: async () => undefined,
  };
  far.write('*2\r\n$4\r\nAUTH\r\n');
  const arriving = greet(new Conn(near, 'client'), door, stop.signal);
  stop.abort(new BrokerError('client_timeout', 'the handshake took too long'));
  assert.equal((await arriving).type, 'refused');
  assert.equal(near.destroyed, true);
  far.destroy();
});

test('a session over TLS begins with the handshake, also when its first bytes came before anybody looked', async () => {
  const { server, ca } = rig().tls;
  const { near, far } = await socketPair();
  const door: Door = {
    ticketRequired: false,
    tls: tlsContext({ cert: server.cert, key: Secret.fromText(server.key) }),
    idleMs: 0,
    admit: async () => undefined,
    admitSelf: async () => undefined,
    recorded: Promise.resolve(),
    admitSide: async () => undefined,
    note: async () => undefined,
  };
  const client = connect({ socket: far, ca: ca.cert, servername: 'localhost' });
  const conn = new Conn(near, 'client');
  await conn.peek(1, never);
  const arriving = greet(conn, door, never);
  client.write(get);
  const arrival = await arriving;
  assert(arrival.type === 'client');
  assert.equal(String(await arrival.visitor.conn.exactly(get.length, never)), get);
  client.destroy();
});
