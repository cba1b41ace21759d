import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { after, before, beforeEach, test } from 'node:test';
import { HttpWorld, Upstream } from '../../support/httpworld.ts';
import { issuer } from '../../support/issuer.ts';

/* What becomes of a 401, where the credential is one that can be renewed. */

let world: HttpWorld;
let upstream: Upstream;
let tokens: Awaited<ReturnType<typeof issuer>>;
/** What arrived, as METHOD PATH TOKEN BODY. */
let sent: string[] = [];
/** Emits `go` when `/slow` may answer, `chunk` when a part of a body has come. */
const signals = new EventEmitter();
let refuse = false;
let given = 0;

before(async () => {
  world = await HttpWorld.start();
  upstream = await Upstream.start(answer);
  tokens = await issuer((_form, response) => {
    if (refuse) response.statusCode = 400;
    return refuse ? { error: 'invalid_grant' } : { access_token: `access-token-${++given}`, expires_in: 3_600 };
  });
});
after(async () => {
  await tokens?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

/** A service with a chain of tokens of its own for each test. */
beforeEach(async () => {
  sent = [];
  refuse = false;
  given = 0;
  tokens.forms.length = 0;
  const fields = { client_id: 'broker', token_url: tokens.url, scopes: [`test${upstream.asked.length}`] };
  const secrets = { refresh_token: 'refresh-canary', client_secret: 'client-canary' };
  await world.add('oauth', upstream.plain, fields, 'oauth2_client', secrets);
});

/** Refuses the first token but at /open, and everything at /never. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  let body = '';
  request.on('data', (chunk: Buffer) => {
    body += chunk.toString();
    signals.emit('chunk', chunk.toString());
  });
  const respond = (): void => {
    const token = request.headers.authorization?.replace('Bearer access-token-', '');
    sent.push(`${request.method} ${request.url} ${token} ${body}`.trim());
    if (request.url === '/slow') signals.once('go', () => response.end(`slow access-token-${token}`));
    else if (request.url === '/never' || (token === '1' && request.url !== '/open')) {
      response.writeHead(401, { 'WWW-Authenticate': 'Bearer error="invalid_token"' });
      if (request.url === '/reset') response.write('half', () => setImmediate(() => request.socket.resetAndDestroy()));
      else response.end(`refused ${'x'.repeat(600_000)}`);
    } else response.end('good');
  };
  request.once(request.url === '/early' ? 'data' : 'end', respond);
}

async function ask(path: string, options: Parameters<HttpWorld['ask']>[1] = {}) {
  const { statusCode: status, headers, body } = await world.ask(`oauth/${path}`, options);
  return { status, text: (await body.text()).slice(0, 12).trim(), challenge: headers['www-authenticate'] };
}

/** A request that the first token is good for. */
async function first(): Promise<void> {
  assert.equal((await ask('open')).text, 'good');
  sent = [];
}

const post = { method: 'POST', body: 'body' } as const;

test('the credential is renewed and the same request sent once more, whatever becomes of the first answer', async () => {
  assert.equal((await ask('x', post)).text, 'good');
  assert.deepEqual(sent, ['POST /x 1 body', 'POST /x 2 body']);
  assert.equal(tokens.forms.length, 2);
});

test('an answer that breaks while another credential is fetched is no failure', async () => {
  assert.equal((await ask('reset', post)).text, 'good');
  assert.deepEqual(sent, ['POST /reset 1 body', 'POST /reset 2 body']);
});

test('where no other credential is to be had the server’s own answer is passed on, and nothing sent again', async () => {
  await first();
  refuse = true;
  for (let round = 0; round < 2; round++) {
    const { status, text, challenge } = await ask('never', post);
    assert.deepEqual([status, text, challenge], [401, 'refused xxxx', 'Bearer error="invalid_token"']);
  }
  assert.deepEqual(sent, Array(2).fill('POST /never 1 body'));
  // Nor is the issuer asked each time.
  assert.equal(tokens.forms.length, 2);
});

test('a token that took the place of a refused one, and is refused, is not replaced in turn', async () => {
  await first();
  for (let round = 0; round < 3; round++) assert.equal((await ask('never', post)).status, 401);
  assert.deepEqual(
    sent,
    [1, 2, 2, 2].map((token) => `POST /never ${token} body`),
  );
  assert.equal(tokens.forms.length, 2);
});

test('a body that is too large to be kept is not sent again', async () => {
  const body = Buffer.alloc(1024 * 1024 + 1, 'a');
  assert.equal((await ask('x', { method: 'POST', body })).status, 401);
  assert.equal(sent.length, 1);
});

test('without any credential nothing is sent', async () => {
  refuse = true;
  const { status, text } = await ask('x');
  assert.deepEqual([status, text], [502, '{"error":{"c']);
  assert.deepEqual(sent, []);
});

test('a body of unknown length is passed on as it comes, and not again; the next request has the new credential', async () => {
  const body = new PassThrough();
  const asked = ask('early', { method: 'POST', body });
  body.write('first');
  // Nobody waits for the end of it.
  const [chunk] = await once(signals, 'chunk');
  assert.equal(chunk, 'first');
  body.end();
  assert.equal((await asked).status, 401);
  assert.deepEqual(sent.slice(0, 1), ['POST /early 1 first']);
  sent = [];
  assert.equal((await ask('x')).text, 'good');
  // Once more where the new one was not there yet.
  assert.equal(sent.at(-1), 'GET /x 2');
});

test('a request that still waits for its answer is not hurt by the renewal of another', async () => {
  const slow = ask('slow');
  await once(upstream.server, 'request');
  assert.equal((await ask('x')).text, 'good');
  signals.emit('go');
  const { status, text } = await slow;
  assert.deepEqual([status, text], [200, 'slow *******']);
});
