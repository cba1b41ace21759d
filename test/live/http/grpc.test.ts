import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import { fromServiceError } from '../../../src/cli/connect.ts';
import { HttpWorld, Upstream } from '../../support/httpworld.ts';

/* `Http.Request`: the same requests over the control API, streamed both ways. */

let world: HttpWorld;
let upstream: Upstream;
let answer: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;

before(async () => {
  world = await HttpWorld.start();
  upstream = await Upstream.start((request, response) => answer(request, response));
  await world.add('api', upstream.plain);
});
after(async () => {
  await upstream?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

function ask(service: string, method: string, hasBody: boolean, path = '/x') {
  const call = world.daemon.client(world.token).http.request();
  call.write({ start: { service, method, path, headers: [], hasBody } });
  return call;
}

test('what is sent arrives while it is being sent, what is answered while it is being answered, trailers last', async () => {
  answer = (request, response) => {
    response.writeHead(200, { Trailer: 'X-Sum' });
    request.on('data', (chunk: Buffer) => response.write(`got ${chunk}`));
    request.on('end', () => {
      response.addTrailers({ 'X-Sum': '42' });
      response.end();
    });
  };
  const call = ask('api', 'POST', true);
  const messages = call[Symbol.asyncIterator]();
  call.write({ data: Buffer.from('one') });
  const head = await messages.next();
  assert.equal(head.value.head.status, 200);
  assert.equal(String((await messages.next()).value.data), 'got one');
  call.write({ data: Buffer.from('two') });
  assert.equal(String((await messages.next()).value.data), 'got two');
  call.end();
  assert.deepEqual((await messages.next()).value.trailers.headers, [{ name: 'X-Sum', value: '42' }]);
  assert.equal((await messages.next()).done, true);
});

test('cancelling the call stops the request at the server', async () => {
  const arrived = new Promise<ServerResponse>((resolve) => {
    answer = (_request, response) => {
      response.write('begun');
      resolve(response);
    };
  });
  const call = ask('api', 'GET', false);
  call.on('error', () => undefined);
  call.end();
  call.resume();
  const response = await arrived;
  const gone = once(response, 'close');
  call.cancel();
  await gone;
  assert.ok(!response.writableFinished);
});

test('a body that breaks off is a failed call, and a refusal has broker’s own code', async () => {
  const failed = async (service: string): Promise<string> => {
    const call = ask(service, 'GET', false);
    call.end();
    call.resume();
    const [error] = await once(call, 'error');
    return fromServiceError(error, 'here').code;
  };
  answer = (request, response) => void response.write('half', () => request.socket.destroy());
  assert.equal(await failed('api'), 'upstream_protocol');
  assert.equal(await failed('nope'), 'not_found');
});
