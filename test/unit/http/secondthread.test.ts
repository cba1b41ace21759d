import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { after, before, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { configSpec } from '../../../src/core/config.ts';
import { BrokerError } from '../../../src/core/errors.ts';
import { httpFields } from '../../../src/http/config.ts';
import { SecondThread, type SecondThreadParts } from '../../../src/http/thread/second.ts';
import { Upstream as Connections } from '../../../src/http/upstream.ts';
import { THREAD } from '../../support/daemon.ts';
import { Upstream } from '../../support/httpworld.ts';
import { eventually } from '../../support/sessions.ts';

/* When there is a second thread for connections to HTTP services: real threads, a real server. */

let server: Upstream;
/** Answers of the server that it still owes. */
const owed: ServerResponse[] = [];

before(async () => {
  server = await Upstream.start((request, response) => {
    if (request.url === '/later') owed.push(response);
    else if (request.url === '/endless') void endless(response);
    else response.end('answered');
  });
});
after(() => server[Symbol.asyncDispose]());

/** Bytes that the endless answers have got rid of. */
let sent = 0;

async function endless(response: ServerResponse): Promise<void> {
  const piece = Buffer.alloc(64 * 1024);
  const left = new AbortController();
  response.once('close', () => left.abort());
  while (!left.signal.aborted) {
    sent += piece.length;
    if (!response.write(piece)) await once(response, 'drain', left).catch(() => undefined);
  }
}

function scene(parts: Partial<SecondThreadParts>) {
  const workers: Worker[] = [];
  const reported: unknown[] = [];
  const second = new SecondThread({
    mode: 'auto',
    lookMs: 10,
    underWay: () => 32,
    start: () => {
      const worker = new Worker(THREAD);
      workers.push(worker);
      return worker;
    },
    report: (error) => reported.push(error),
    ...parts,
  });
  const fields = { base_url: server.plain, allow_private: true, allow_plaintext: true };
  const config = configSpec(httpFields).parse(fields, new Map());
  const connections = new Connections(config, () => undefined, second);
  const ask = (path = '/'): Promise<string> =>
    new Promise((resolve, reject: (error: BrokerError) => void) => {
      let text = '';
      const headers = ['Host', 'localhost'];
      connections.send(
        { method: 'GET', path, headers, body: null },
        {
          onConnect: () => undefined,
          onHeaders: () => true,
          onData: (chunk) => {
            text += chunk;
            return true;
          },
          onComplete: () => resolve(text),
          onError: reject,
        },
      );
    });
  return { second, connections, workers, reported, ask };
}

/** Keeps this thread busy, with requests or without, until the test is content. */
async function busy(until: () => boolean, requests: () => void): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!until()) {
    assert.ok(performance.now() < deadline, `never came true: ${until}`);
    requests();
    const end = performance.now() + 5;
    while (performance.now() < end);
    await setImmediate();
  }
}

const many = (second: SecondThread) => (): void => {
  for (let count = 0; count < 50; count++) second.lane();
};

test('under load, with an idle processor, there is a thread, which goes when the load is over and nothing under way', async () => {
  const idle = scene({ idleMs: () => performance.now() });
  const other = scene({ idleMs: () => performance.now() });
  await using one = idle.second;
  await using two = other.second;
  const load = (): void => {
    many(one)();
    many(two)();
  };
  await busy(() => one.running && two.running, load);
  const held = idle.ask('/later');
  await eventually(() => owed.length === 1);
  await eventually(() => !two.running);
  assert.equal(one.running, true);
  owed.pop()?.end('late');
  assert.equal(await held, 'late');
  await eventually(() => !one.running);
  assert.equal(await idle.ask(), 'answered');
  assert.deepEqual([idle.workers.length, idle.reported], [1, []]);
});

test('without requests, with one after the other, or where others need all processors, there is none', async () => {
  let looks = 0;
  const full = scene({
    idleMs: () => {
      looks += 1;
      return 0;
    },
  });
  const few = scene({ idleMs: () => performance.now() });
  const alone = scene({ idleMs: () => performance.now(), underWay: () => 1 });
  const running = scene({ idleMs: () => performance.now() });
  await using one = full.second;
  await using two = few.second;
  await using three = running.second;
  await using four = alone.second;
  two.lane();
  await busy(
    () => looks >= 5 && three.running,
    () => {
      many(one)();
      many(three)();
      many(four)();
    },
  );
  assert.deepEqual([one.running, two.running, four.running], [false, false, false]);
});

test('one that ends by itself fails what is under way in it, and the next request gets another', async () => {
  const { second, workers, reported, ask } = scene({ mode: 'on' });
  await using _ = second;
  assert.equal(await ask(), 'answered');
  const held = ask('/later');
  await eventually(() => owed.length === 1);
  const failed = assert.rejects(held, { code: 'internal' });
  await workers[0]?.terminate();
  await failed;
  owed.pop()?.destroy();
  assert.equal(await ask(), 'answered');
  assert.deepEqual([workers.length, reported], [2, []]);
});

test('an answer that nobody takes stays with the server, and goes on when it is taken', async () => {
  const { second, connections, ask } = scene({ mode: 'on' });
  await using _ = second;
  let bytes = 0;
  let resume: (() => void) | undefined;
  let holding = true;
  const over = new Promise<unknown>((resolve) => {
    let abort: (reason: BrokerError) => void = () => undefined;
    connections.send(
      { method: 'GET', path: '/endless', headers: ['Host', 'localhost'], body: null },
      {
        onConnect: (how) => {
          abort = how;
        },
        onHeaders: (_status, _headers, go) => {
          resume = go;
          return true;
        },
        onData: (chunk) => {
          bytes += chunk.length;
          if (bytes > 64 * 1024 * 1024) abort(new BrokerError('ended', 'enough'));
          return !holding;
        },
        onComplete: resolve,
        onError: resolve,
      },
    );
  });
  await eventually(() => bytes > 0);
  const taken = bytes;
  for (let count = 0; count < 200; count++) await ask();
  assert.equal(bytes, taken);
  // What the kernel holds, and what is under way between the threads.
  assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes`);
  holding = false;
  resume?.();
  assert.match(String(await over), /enough/);
});

test('one that cannot start is reported, and its requests fail', async () => {
  const { second, reported, ask } = scene({
    mode: 'on',
    start: () => new Worker('throw new Error("no thread today")', { eval: true }),
  });
  await using _ = second;
  await assert.rejects(ask(), { code: 'internal' });
  assert.match(String(reported[0]), /no thread today/);
});

test('switched off, there is none whatever the load', async () => {
  const off = scene({ mode: 'off', idleMs: () => performance.now() });
  const running = scene({ idleMs: () => performance.now() });
  await using one = off.second;
  await using two = running.second;
  await busy(
    () => two.running,
    () => {
      many(one)();
      many(two)();
    },
  );
  assert.equal(await off.ask(), 'answered');
  assert.equal(one.running, false);
});

test('closing breaks off what is under way there', async () => {
  const { second, workers, ask } = scene({ mode: 'on' });
  const held = assert.rejects(ask('/later'), { code: 'internal' });
  await eventually(() => owed.length === 1);
  const gone = once(workers[0] ?? assert.fail(), 'exit');
  await second[Symbol.asyncDispose]();
  await gone;
  await held;
  owed.pop()?.destroy();
});
