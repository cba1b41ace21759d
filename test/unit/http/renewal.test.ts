import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { dial } from '../../../src/core/dial.ts';
import type { OAuthSettings } from '../../../src/core/oauth.ts';
import { Secret } from '../../../src/core/secret.ts';
import { digest } from '../../../src/http/chain.ts';
import { endpointFetch } from '../../../src/http/endpoint.ts';
import { CACHED, failure, issuer, never, refresh, source, text } from '../../support/issuer.ts';

/* When a token is fetched anew, and when it is not. */

test('a token near its end is renewed behind the back of who asks, and serves to its end if that fails', async () => {
  let now = 1_000_000;
  let broken = true;
  await using endpoint = await issuer((_form, response, count) => {
    if (count > 1 && broken) response.writeHead(503);
    return { access_token: `t${count}`, expires_in: 3600 };
  });
  const outcomes: string[] = [];
  const tokens = source({
    now: () => now,
    refreshed: (service, error) => outcomes.push(`${service} ${error?.code ?? 'ok'}`),
  });
  const get = async () => text(await tokens.get('mail', refresh(endpoint.url), CACHED, never));
  assert.equal(await get(), 't1');
  now += 3_400_000;
  assert.deepEqual([await get(), await get()], ['t1', 't1']);
  await tokens.settled();
  // The issuer rests after a failure; the token goes on.
  assert.equal(await get(), 't1');
  await tokens.settled();
  assert.equal(endpoint.forms.length, 2);
  now += 10_000;
  broken = false;
  assert.equal(await get(), 't1');
  await tokens.settled();
  assert.equal(await get(), 't3');
  assert.deepEqual(outcomes, ['mail ok', 'mail upstream_refused', 'mail ok']);
});

test('an issuer that said no is not asked again at once', async () => {
  let now = 1_000_000;
  await using endpoint = await issuer((_form, response, count) => {
    if (count === 1) response.writeHead(400);
    return count === 1 ? { error: 'invalid_grant' } : { access_token: `t${count}` };
  });
  const tokens = source({ now: () => now });
  const get = async () => text(await tokens.get('mail', refresh(endpoint.url), CACHED, never));
  assert.equal((await failure(get())).code, 'upstream_auth');
  now += 29_000;
  assert.equal((await failure(get())).code, 'upstream_auth');
  assert.equal(endpoint.forms.length, 1);
  now += 1_000;
  assert.equal(await get(), 't2');
});

test('a token without a stated life, or with a short one, is kept for as long as it is good', async () => {
  let now = 1_000_000;
  await using endpoint = await issuer((_form, _response, count) => ({
    access_token: `t${count}`,
    ...(count > 1 && { expires_in: 10 }),
  }));
  const tokens = source({ now: () => now });
  const get = async () => text(await tokens.get('mail', refresh(endpoint.url), CACHED, never));
  assert.deepEqual([await get(), await get()], ['t1', 't1']);
  now += 271_000;
  assert.deepEqual([await get(), await get()], ['t2', 't2']);
  now += 9_000;
  assert.equal(await get(), 't3');
});

test('whoever was refused an older token gets the one that is there by now, and no two are replaced within 30 s', async () => {
  let now = 1_000_000;
  await using endpoint = await issuer((_form, _response, count) => ({ access_token: `t${count}`, expires_in: 3600 }));
  const tokens = source({ now: () => now });
  const settings = refresh(endpoint.url);
  const fresh = async (refused: string) =>
    text(await tokens.get('mail', settings, { fresh: true, refused: digest(Secret.fromText(refused)) }, never));
  assert.equal(text(await tokens.get('mail', settings, CACHED, never)), 't1');
  assert.deepEqual([await fresh('t1'), await fresh('t1'), await fresh('t2')], ['t2', 't2', 't2']);
  now += 30_000;
  assert.equal(await fresh('t1'), 't2');
  assert.equal(await fresh('t2'), 't3');
});

test('a deleted service’s request ends, and nothing of it is kept; a changed one starts with a new token', async () => {
  await using endpoint = await issuer((_form, _response, count) => ({ access_token: `t${count}`, expires_in: 3600 }));
  const tokens = source();
  const get = async () => text(await tokens.get('mail', refresh(endpoint.url), CACHED, never));
  const under = get();
  tokens.drop('mail');
  assert.equal(await under, 't1');
  assert.equal(await get(), 't2');
  assert.equal(await get(), 't2');
  tokens.changed('mail');
  assert.equal(await get(), 't3');
});

test('an application signs in by HTTP Basic, its two halves form-encoded, or in its own name', async () => {
  const headers: (string | undefined)[] = [];
  await using endpoint = await issuer((_form, response, count) => {
    headers.push(response.req.headers.authorization);
    return { access_token: `t${count}` };
  });
  const basic = refresh(endpoint.url, 'r', { clientAuth: 'basic' });
  assert.equal(text(await source().get('a', basic, CACHED, never)), 't1');
  assert.equal(headers[0], `Basic ${Buffer.from('broker:client-canary').toString('base64')}`);
  assert.deepEqual(Object.fromEntries(endpoint.forms[0] ?? []), {
    grant_type: 'refresh_token',
    refresh_token: 'r',
    scope: 'mail',
  });
  const own: OAuthSettings = {
    type: 'client_credentials',
    tokenUrl: endpoint.url,
    clientId: 'i d+',
    clientSecret: Secret.fromText('p:ä'),
    clientAuth: 'basic',
    audience: 'api',
    scope: undefined,
    ca: undefined,
  };
  assert.equal(text(await source().get('b', own, CACHED, never)), 't2');
  assert.equal(headers[1], `Basic ${Buffer.from('i+d%2B:p%3A%C3%A4').toString('base64')}`);
  assert.deepEqual(Object.fromEntries(endpoint.forms[1] ?? []), { grant_type: 'client_credentials', audience: 'api' });
});

test('an issuer that does not answer is given up', async () => {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert(address !== null && typeof address === 'object');
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => sockets.add(socket));
  try {
    const impatient = endpointFetch(
      (target, signal) =>
        dial(
          target,
          () => undefined,
          () => undefined,
          signal,
        ),
      50,
    );
    const settings = refresh(`http://127.0.0.1:${address.port}/`);
    const error = await failure(source({ fetch: impatient }).get('mail', settings, CACHED, never));
    assert.equal(error.code, 'upstream_timeout');
    assert.match(error.message, /did not answer within 0\.05 s$/);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  }
});
