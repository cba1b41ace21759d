import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:http2';
import { createServer, type Server as NetServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { type BrokerClient, connect, fromServiceError } from '../../../src/cli/connect.ts';
import { BrokerError } from '../../../src/core/errors.ts';
import { Adapter } from '../../../src/daemon/grpc/adapt.ts';
import { packageDefinition } from '../../../src/daemon/grpc/definition.ts';
import { connectionFacts, noteFacts } from '../../../src/daemon/grpc/peers.ts';
import { proveConnections } from '../../../src/daemon/grpc/selfcheck.ts';
import { endUnread } from '../../../src/daemon/grpc/unread.ts';
import type { Log } from '../../../src/daemon/log.ts';
import { rawStream, rawUnary } from '../../support/rawgrpc.ts';
import { collected, refusal } from '../../support/refusal.ts';
import { rig } from '../../support/rig.ts';

/* The one way of a handler onto the wire, with handlers that misbehave. */

const MARKER = 'postgres://app:hunter2@db';
const CALLER = { transport: 'unix', origin: 'test' } as const;

interface Stage {
  readonly client: BrokerClient;
  readonly target: string;
  readonly log: string[];
  readonly stop: AbortController;
}

type Handlers = (adapt: Adapter) => Record<string, Record<string, unknown>>;

async function stage(
  t: TestContext,
  handlers: Handlers,
  credentials = ServerCredentials.createInsecure(),
): Promise<Stage> {
  const log: string[] = [];
  const at = (message: string, fields: object = {}): void => void log.push(JSON.stringify({ message, ...fields }));
  const stop = new AbortController();
  const memory: Log = { debug: at, info: at, warn: at, error: at };
  const server = new Server();
  const adapt = new Adapter(
    async (call) => ({ ...CALLER, origin: connectionFacts(call)?.remoteAddress ?? 'unknown' }),
    memory,
    stop.signal,
  );
  for (const [name, implementation] of Object.entries(handlers(adapt)))
    server.addService(packageDefinition()[`broker.v1.${name}`] as never, implementation as never);
  const injector = server.createConnectionInjector(credentials);
  let connections = 0;
  const listener: NetServer = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    const facts = { transport: 'tcp', peer: Promise.resolve(undefined), remoteAddress: `#${connections++}` } as const;
    noteFacts(socket, facts);
    injector.injectConnection(socket);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  assert.ok(typeof address === 'object' && address);
  const target = `127.0.0.1:${address.port}`;
  const client = connect({ address: target });
  t.after(() => {
    client.close();
    listener.close();
    server.forceShutdown();
  });
  return { client, target, log, stop };
}

test('what a handler throws by accident reaches the log without its text, and the client not at all', async (t) => {
  const boom = (): never => {
    throw new Error(`connect failed: ${MARKER}`, { cause: new TypeError(MARKER) });
  };
  const { client, target, log } = await stage(t, (adapt) => ({
    Kinds: { List: adapt.unary(async () => boom()) },
    Audit: {
      Query: adapt.serverStream(async function* () {
        yield {};
        boom();
      }),
    },
    Files: { Put: adapt.clientStream(async () => boom()) },
  }));
  for (const call of [
    () => client.kinds.list({}),
    () => collected(client.audit.query({})),
    () => client.files.put([{ name: 'x' }]),
  ]) {
    const error = await refusal(call(), 'internal');
    assert.equal(error.message, 'internal error; the daemon log has the details');
    assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes('hunter2'));
  }
  // As it is on the wire, whatever our own client makes of it.
  const raw: unknown = await rawUnary(target, '/broker.v1.Kinds/List', Buffer.alloc(0)).catch(
    (error: unknown) => error,
  );
  assert.ok(raw instanceof Error && 'details' in raw && 'metadata' in raw);
  assert.equal(raw.details, 'internal error; the daemon log has the details');
  assert.ok(!inspect(raw, { depth: 9, showHidden: true }).includes('hunter2'));
  assert.equal(log.length, 4);
  for (const line of log) {
    assert.ok(!line.includes('hunter2'), line);
    assert.match(line, /Error <- TypeError.*adapt\.test\.ts/);
  }
});

test('a BrokerError crosses with code, hop, hint and upstream code, and without its cause', async (t) => {
  const { client } = await stage(t, (adapt) => ({
    Kinds: {
      List: adapt.unary(async () => {
        const options = { hop: 'tls', hint: 'trust it', upstreamCode: '28000', cause: new Error(MARKER) } as const;
        throw new BrokerError('upstream_tls', 'app-db: not trusted', options);
      }),
    },
  }));
  const error = await refusal(client.kinds.list({}), 'upstream_tls');
  assert.deepEqual(
    [error.message, error.hop, error.hint, error.upstreamCode],
    ['app-db: not trusted', 'tls', 'trust it', '28000'],
  );
  assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes('hunter2'));
});

test('an error that repeats what a caller made up still fits into the answer', async (t) => {
  const { client } = await stage(t, (adapt) => ({
    Kinds: {
      List: adapt.unary(async () => {
        throw new BrokerError('invalid_argument', `${'ü'.repeat(70_000)} is not known`, { hint: 'é'.repeat(70_000) });
      }),
    },
  }));
  const error = await refusal(client.kinds.list({}), 'invalid_argument');
  assert.match(error.message, /^ü{1950} … \(66113 characters left out\) … ü+ is not known$/);
});

test("the client's deadline and its cancellation reach the handler as an abort", async (t) => {
  const seen: unknown[] = [];
  let entered = (): void => undefined;
  let left = (): void => undefined;
  const { client } = await stage(t, (adapt) => ({
    Kinds: {
      List: adapt.unary(async (_request, { signal }) => {
        entered();
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        seen.push(signal.reason instanceof BrokerError && signal.reason.code);
        left();
        return { kinds: [] };
      }),
    },
  }));
  let out = new Promise<void>((resolve) => (left = resolve));
  await refusal(client.kinds.list({}, { timeoutMs: 100 }), 'upstream_timeout');
  await out;
  out = new Promise<void>((resolve) => (left = resolve));
  const inside = new Promise<void>((resolve) => (entered = resolve));
  const cancel = new AbortController();
  const call = refusal(client.kinds.list({}, { signal: cancel.signal }), 'cancelled');
  await inside;
  cancel.abort();
  await Promise.all([call, out]);
  assert.deepEqual(seen, ['cancelled', 'cancelled']);
});

test('a stream that follows something ends with the reason when the daemon stops, never as if it were complete', async (t) => {
  const { client, stop } = await stage(t, (adapt) => ({
    Audit: {
      Query: adapt.serverStream(async function* (_request, { signal }) {
        yield { action: 'first' };
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      }),
    },
  }));
  const stream = client.audit.query({})[Symbol.asyncIterator]();
  assert.equal((await stream.next()).value?.action, 'first');
  stop.abort(new BrokerError('unavailable', 'broker is stopping'));
  assert.equal((await refusal(stream.next(), 'unavailable')).message, 'broker is stopping');
  await refusal(client.kinds.list({}), 'invalid_argument'); // not served here at all
});

test('a client that closed its side still gets the answers of a two-way stream', async (t) => {
  const { client } = await stage(t, (adapt) => ({
    Sessions: {
      Connect: adapt.duplex(async (requests: AsyncIterable<{ data?: Buffer }>, send) => {
        const parts: Buffer[] = [];
        for await (const { data } of requests) if (data) parts.push(data);
        await send({ data: Buffer.concat(parts) });
      }),
    },
  }));
  const stream = client.sessions.connect();
  stream.write({ data: Buffer.from('ab') });
  stream.end({ data: Buffer.from('cd') });
  const answers = await collected(stream as AsyncIterable<{ data: Buffer }>);
  assert.deepEqual(
    answers.map(({ data }) => data.toString()),
    ['abcd'],
  );
});

for (const [what, method] of [
  ['two-way', 'connect'],
  ['one-way', 'query'],
] as const)
  test(`a ${what} stream that fails is over at a client that stops reading, and here`, async (t) => {
    const over: Promise<void>[] = [];
    const watch = (signal: AbortSignal): void => {
      over.push(new Promise((resolve) => signal.addEventListener('abort', () => resolve())));
    };
    const late = new BrokerError('upstream_timeout', 'too late');
    // More than the client's library takes before anybody asks, and less than blocks the handler.
    const messages = Array.from({ length: 24 }, () => 'x'.repeat(64 * 1024));
    const { client, target } = await stage(t, (adapt) => ({
      Sessions: {
        Connect: adapt.duplex(async (_requests, send, { signal }) => {
          watch(signal);
          for (const message of messages) await send({ data: Buffer.from(message) });
          throw late;
        }),
      },
      Audit: {
        Query: adapt.serverStream(async function* (_request, { signal }) {
          watch(signal);
          for (const message of messages) yield { message };
          throw late;
        }),
      },
    }));
    const call = method === 'connect' ? client.sessions.connect() : rawStream(t, target, '/broker.v1.Audit/Query');
    call.once('data', () => call.pause());
    const [error] = await once(call, 'error');
    assert.equal(fromServiceError(error, '').message, 'broker ended the call: its answers were not read');
    await Promise.all(over);
    assert.equal(over.length, 1);
  });

test('a client that reads late, but reads, gets to know why its call has failed', async (t) => {
  let fail = (): void => undefined;
  const failing = new Promise<void>((resolve) => {
    fail = resolve;
  });
  const { client } = await stage(t, (adapt) => ({
    Sessions: {
      Connect: adapt.duplex(async (_requests, send) => {
        for (let index = 0; index < 24; index++) await send({ data: Buffer.alloc(64 * 1024) });
        fail();
        throw new BrokerError('upstream_timeout', 'too late');
      }),
    },
  }));
  const call = client.sessions.connect();
  call.once('data', () => {
    call.pause();
    void failing.then(() => call.resume());
  });
  const [error] = await once(call, 'error');
  assert.equal(fromServiceError(error, '').message, 'too late');
});

test('a client that takes a little at a time is waited for, as long as it does', async (t) => {
  // No timer of the daemon keeps a process alive.
  await stage(t, () => ({}));
  const left = [5, 4, 3, 3];
  const code = await new Promise((resolve) => {
    const call = {
      get writableLength() {
        return left.shift() ?? 0;
      },
      once: () => undefined,
      call: { nextCall: { stream: { close: resolve } } },
    };
    endUnread(call, 1);
  });
  assert.deepEqual([code, left], [constants.NGHTTP2_ENHANCE_YOUR_CALM, []]);
});

for (const over of ['plain', 'TLS'])
  test(`each call tells the connection that it came over, however the calls interleave (${over})`, async (t) => {
    const { server: files, ca } = rig().tls;
    const [cert_chain, private_key] = [readFileSync(files.certFile), readFileSync(files.keyFile)];
    const secure = over === 'TLS' ? ServerCredentials.createSsl(null, [{ cert_chain, private_key }]) : undefined;
    const list: Handlers = (adapt) => ({
      Kinds: { List: adapt.unary(async (_request, { caller }) => ({ kinds: [{ name: caller.origin }] })) },
    });
    const { client, target } = await stage(t, list, secure);
    client.close();
    // By two names, or the library would have them share a connection.
    const clients = [target, target.replace('127.0.0.1', 'localhost')].map((address) =>
      connect(secure ? { address: `https://${address}`, caFile: ca.certFile } : { address }),
    );
    const seen = await Promise.all(
      clients.map(async (each) => {
        const calls = await Promise.all(Array.from({ length: 20 }, () => each.kinds.list({})));
        each.close();
        return [...new Set(calls.map(({ kinds }) => kinds[0]?.name))];
      }),
    );
    assert.deepEqual(seen.flat().sort(), ['#0', '#1']);
  });

test('that a call tells its connection is proven at the start', async () => {
  assert.equal(await proveConnections(), true);
});
