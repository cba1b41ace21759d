import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { Octokit } from 'octokit';
import OpenAI, { AzureOpenAI } from 'openai';
import { Upstream } from '../../support/httpworld.ts';
import { KEY, PresetWorld } from '../../support/presetworld.ts';

/*
 * The vendors' own SDKs, unchanged, with nothing but the variables that `broker env` prints, against servers that speak
 * just enough of their APIs. A stream's second event is sent only when the client has the first.
 */

let world: PresetWorld;
let upstream: Upstream;
/** Emits `go` when a client has seen the first event of a stream. */
const client = new EventEmitter();
/** What the upstream was asked, with the body. */
const bodies: unknown[] = [];

type Answer = (response: ServerResponse) => void | Promise<void>;

const REPLY = 'Four.';
const events = (...lines: string[]): string => lines.map((line) => `${line}\n\n`).join('');
const data = (object: object): string => `data: ${JSON.stringify(object)}`;
const named = (object: { type: string }): string => `event: ${object.type}\n${data(object)}`;

/** First one half, then, when the client has it, the other. */
const stream =
  (first: string, second: string): Answer =>
  async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const seen = once(client, 'go');
    response.write(first);
    await seen;
    response.end(second);
  };
const whole =
  (object: object): Answer =>
  (response) =>
    void response.setHeader('content-type', 'application/json').end(JSON.stringify(object));

const chunk = (content: string): object => ({
  id: 'c1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
});
const message = {
  id: 'm1',
  type: 'message',
  role: 'assistant',
  model: 'm',
  stop_reason: 'end_turn',
  stop_sequence: null,
};
const usage = { input_tokens: 1, output_tokens: 1 };
const delta = (text: string): string =>
  named({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } } as { type: string });
const part = (text: string): object => ({ candidates: [{ content: { role: 'model', parts: [{ text }] }, index: 0 }] });

const ANSWERS: Readonly<Record<string, Answer>> = {
  'POST /v1/chat/completions': whole({
    ...chunk(''),
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: REPLY }, finish_reason: 'stop' }],
  }),
  'POST /v1/chat/completions stream': stream(events(data(chunk('Fo'))), events(data(chunk('ur.')), 'data: [DONE]')),
  'POST /openai/deployments/d/chat/completions?api-version=2024-10-21': whole({
    ...chunk(''),
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: REPLY }, finish_reason: 'stop' }],
  }),
  'POST /v1/messages': whole({ ...message, content: [{ type: 'text', text: REPLY }], usage }),
  'POST /v1/messages stream': stream(
    events(
      named({ type: 'message_start', message: { ...message, content: [], usage } } as { type: string }),
      named({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } } as { type: string }),
      delta('Fo'),
    ),
    events(
      delta('ur.'),
      named({ type: 'content_block_stop', index: 0 } as { type: string }),
      named({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage } as { type: string }),
      named({ type: 'message_stop' }),
    ),
  ),
  'POST /v1beta/models/gemini:generateContent': whole(part(REPLY)),
  'POST /v1beta/models/gemini:streamGenerateContent?alt=sse': stream(
    events(data(part('Fo'))),
    events(data(part('ur.'))),
  ),
  'GET /user': whole({ login: 'octocat' }),
  'POST /graphql': whole({ data: { viewer: { login: 'octocat' } } }),
};

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = request.method === 'POST' ? await json(request) : undefined;
  bodies.push(body);
  const streams = typeof body === 'object' && body !== null && 'stream' in body && body.stream === true;
  const asked = `${request.method} ${request.url}${streams ? ' stream' : ''}`;
  const found = ANSWERS[asked];
  if (found) await found(response);
  else response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify({ error: asked }));
}

before(async () => {
  world = await PresetWorld.start();
  upstream = await Upstream.start(
    (request, response) => void answer(request, response),
    world.http.certificates.server,
  );
});
after(async () => {
  await upstream?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

/** Makes a service of the preset, and puts into our own environment what `broker env` prints. */
async function enter(name: string, fields: Record<string, string> = {}): Promise<Readonly<Record<string, string>>> {
  const { env } = await world.add(name, upstream, fields);
  Object.assign(process.env, env);
  return env;
}

/** All of a stream, telling the upstream when the first piece is there. */
async function collect<T>(stream: AsyncIterable<T>, text: (event: T) => string | null | undefined): Promise<string> {
  let whole = '';
  for await (const event of stream) {
    const piece = text(event);
    if (piece && whole === '') client.emit('go');
    whole += piece ?? '';
  }
  return whole;
}

/** The provider saw its own key, and nothing of broker's. */
function sawKey(header: string, value = KEY): void {
  const asked = upstream.asked.at(-1);
  assert.equal(asked?.headers[header], value);
  assert.doesNotMatch(JSON.stringify(asked?.rawHeaders), /brk_/);
}

test('openai: a completion, and one that streams', async () => {
  await enter('openai');
  const openai = new OpenAI();
  const messages = [{ role: 'user' as const, content: 'Two and two?' }];
  const completion = await openai.chat.completions.create({ model: 'm', messages });
  assert.equal(completion.choices[0]?.message.content, REPLY);
  sawKey('authorization', `Bearer ${KEY}`);
  assert.deepEqual(bodies.at(-1), { model: 'm', messages });
  const streamed = await openai.chat.completions.create({ model: 'm', messages, stream: true });
  assert.equal(await collect(streamed, (event) => event.choices[0]?.delta.content), REPLY);
});

test('openai: a refusal of the provider comes through as the SDK knows it', async () => {
  await enter('openai');
  const refused = await new OpenAI({ maxRetries: 0 }).models.retrieve('nope').catch((error: unknown) => error);
  assert.ok(refused instanceof OpenAI.NotFoundError);
  assert.equal(refused.status, 404);
});

test('azure-openai: its own SDK finds the deployment behind the base URL', async () => {
  delete process.env.OPENAI_BASE_URL;
  await enter('azure-openai', { base_url: 'https://mine.openai.azure.com' });
  const azure = new AzureOpenAI({ apiVersion: '2024-10-21', deployment: 'd' });
  const completion = await azure.chat.completions.create({ model: 'd', messages: [{ role: 'user', content: 'Hm?' }] });
  assert.equal(completion.choices[0]?.message.content, REPLY);
  sawKey('api-key');
});

test('anthropic: a message, and one that streams', async () => {
  await enter('anthropic');
  const anthropic = new Anthropic();
  const ask = { model: 'm', max_tokens: 8, messages: [{ role: 'user' as const, content: 'Two and two?' }] };
  const { content } = await anthropic.messages.create(ask);
  assert.deepEqual(
    content.map((block) => (block.type === 'text' ? block.text : '')),
    [REPLY],
  );
  sawKey('x-api-key');
  const text = await collect(anthropic.messages.stream(ask), (event) =>
    event.type === 'content_block_delta' && event.delta.type === 'text_delta' ? event.delta.text : undefined,
  );
  assert.equal(text, REPLY);
});

test('gemini: content, and content that streams', async () => {
  await enter('gemini');
  const gemini = new GoogleGenAI({});
  const ask = { model: 'gemini', contents: 'Two and two?' };
  assert.equal((await gemini.models.generateContent(ask)).text, REPLY);
  sawKey('x-goog-api-key');
  assert.equal(await collect(await gemini.models.generateContentStream(ask), ({ text }) => text), REPLY);
});

test('github: octokit, REST and GraphQL', async () => {
  const env = await enter('github');
  const octokit = new Octokit({ baseUrl: env.GITHUB_API_URL ?? '', auth: env.GITHUB_TOKEN });
  assert.equal((await octokit.rest.users.getAuthenticated()).data.login, 'octocat');
  sawKey('authorization', `Bearer ${KEY}`);
  assert.deepEqual(await octokit.graphql('{ viewer { login } }'), { viewer: { login: 'octocat' } });
});
