import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { Dispatcher } from 'undici';
import { Canary } from '../../support/canary.ts';
import { CANARY, HttpWorld, Upstream } from '../../support/httpworld.ts';
import { ENCODERS } from '../../unit/http/scrub/encoders.ts';

/*
 * A server that sends back what it was sent, in every form and by every way there is. What the client gets is collected, and
 * searched for the secret, by the tests' own list of forms.
 */
const KINDS: readonly (readonly [
  kind: string,
  fields: Record<string, unknown>,
  secrets: Record<string, string>,
  base: string,
])[] = [
  ['bearer', {}, { token: CANARY }, ''],
  ['basic', { username: 'user' }, { password: CANARY }, ''],
  ['url', {}, { token: CANARY }, '/bot{token}/x'],
  ['query', { query_name: 'key' }, { query_value: CANARY }, ''],
];
const CODINGS = { identity: (b: Buffer) => b, gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync } as const;
const FILLER = 'some text that compresses well, some text that compresses well. ';

let world: HttpWorld;
let upstream: Upstream;

before(async () => {
  world = await HttpWorld.start();
  upstream = await Upstream.start(echo);
  for (const [kind, fields, secrets, base] of KINDS)
    await world.add(kind, `${upstream.plain}${base}`, fields, kind, secrets);
});
after(async () => {
  await upstream[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

/** As X-Coding, X-Form and X-Way ask: the secret in that form, and all of the request as it came. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  const coding = String(request.headers['x-coding'] ?? 'identity') as keyof typeof CODINGS;
  const encoder = ENCODERS[Number(request.headers['x-form'])];
  const form = Buffer.from(encoder?.encode(CANARY) ?? CANARY, 'latin1');
  const way = request.headers['x-way'];
  const whole = Buffer.from(`${request.url} ${JSON.stringify(request.rawHeaders)}`);
  const plain = Buffer.concat([Buffer.from(FILLER.repeat(20)), form, Buffer.from(FILLER), whole, Buffer.from('\n')]);
  const packed = CODINGS[coding](plain);
  if (coding !== 'identity') response.setHeader('Content-Encoding', coding);
  if (way === 'error') response.statusCode = 403;
  if (way === 'events') response.setHeader('Content-Type', 'text/event-stream');
  if (way === 'length') response.setHeader('Content-Length', packed.length);
  if (way === 'head') {
    const back = [request.headers.authorization, request.url].map((text) => encodeURI(String(text)));
    response.writeHead(401, `wrong ${CANARY}`, {
      'X-Echo': form.toString('latin1').replace(/[^\t\x20-\x7e]/g, ''),
      'X-Sent': back,
      Location: `/elsewhere?from=${encodeURIComponent(String(request.url))}`,
      Trailer: 'X-Trailer',
    });
    response.addTrailers({ 'X-Trailer': CANARY, 'X-Sent-Trailer': back.join(' ') });
    response.end(CANARY);
    return;
  }
  if (way !== 'bytes' && way !== 'events') {
    response.end(packed);
    return;
  }
  // In pieces that end within the secret, each on its own in the network.
  const pieces = Array.from({ length: Math.ceil(packed.length / 97) }, (_, at) =>
    packed.subarray(at * 97, (at + 1) * 97),
  );
  const next = (): void => {
    const piece = pieces.shift();
    if (piece) response.write(piece, () => setImmediate(next));
    else response.end();
  };
  next();
}

/** Everything that the client can see of an answer, also of one that breaks off. */
async function seen(answer: Dispatcher.ResponseData): Promise<{ readonly text: Buffer; readonly broken: boolean }> {
  const chunks: Buffer[] = [];
  let broken = false;
  try {
    for await (const chunk of answer.body) chunks.push(chunk as Buffer);
  } catch {
    broken = true;
  }
  const head = JSON.stringify([answer.headers, answer.trailers]);
  return { text: Buffer.concat([Buffer.from(head), ...chunks]), broken };
}

for (const [kind] of KINDS) {
  for (const way of ['length', 'chunked', 'bytes', 'events', 'error', 'head']) {
    test(`${kind}: an echo does not deliver the credential (${way})`, async () => {
      const canary = new Canary();
      canary.secret('credential', CANARY);
      canary.secret('Basic', Buffer.from(`user:${CANARY}`).toString('base64'));
      await Promise.all(
        ENCODERS.map(async ({ name }, form) => {
          const headers = ['X-Form', String(form), 'X-Way', way];
          const answer = await world.ask(kind === 'url' ? 'url/me' : `${kind}/me?a=b`, { headers });
          const { text, broken } = await seen(answer);
          assert.equal(broken, false);
          canary.saw(name, text);
        }),
      );
      assert.deepEqual(canary.leaks(), []);
    });
  }
}

for (const coding of ['gzip', 'deflate', 'br'] as const) {
  for (const way of ['length', 'bytes', 'events', 'error']) {
    test(`compressed with ${coding}, an answer with the credential in it breaks off before it is whole (${way})`, async () => {
      const unpacked = new Canary();
      unpacked.secret('credential', CANARY);
      const forms = [0, 1, 5, 9, 14].filter((form) => form < ENCODERS.length);
      for (const form of forms) {
        const headers = ['X-Form', String(form), 'X-Way', way, 'X-Coding', coding, 'Accept-Encoding', coding];
        // Where nothing was sent yet, it is an answer of broker's own.
        const { text, broken } = await seen(await world.ask('bearer/me', { headers }));
        assert.ok(broken || text.includes('cut off'), `${text}`);
        unpacked.saw(`${form}`, text);
      }
      assert.deepEqual(unpacked.leaks(), []);
    });
  }
}

test('that a credential came back is on record', async () => {
  const records = await world.daemon.audit({ action: 'http.request' });
  assert.ok(records.length > 0);
  assert.ok(records.every(({ detail }) => detail?.scrubbed === true));
  const canary = new Canary();
  canary.secret('credential', CANARY);
  canary.saw('audit', JSON.stringify(records));
  canary.saw('log', world.daemon.log.join('\n'));
  assert.deepEqual(canary.leaks(), []);
});
