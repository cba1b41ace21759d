import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../../src/core/secret.ts';
import { HeaderRules, replaced } from '../../../src/http/headers.ts';
import { bearer } from '../../../src/http/kinds/bearer.ts';

/* Lists of the tests' own: a name that is dropped from the code's by mistake is missed here. */

const BASE = { base_url: 'https://api.example.com' };
const rules = (fields: Record<string, unknown> = {}): HeaderRules =>
  new HeaderRules(bearer.config.parse({ ...BASE, ...fields }, new Map([['token', Secret.fromText('canary-token')]])));
const names = (flat: readonly string[]): string[] => flat.filter((_, at) => at % 2 === 0);

/** What a client's request must not bring to the server. */
const KEPT_BACK = `
  connection keep-alive proxy-connection proxy-authenticate proxy-authorization proxy-authentication-info te trailer
  transfer-encoding upgrade http2-settings
  authorization cookie cookie2 x-api-key api-key apikey x-goog-api-key x-broker-token x-auth-token x-auth-key x-access-token
  x-csrf-token private-token job-token x-gitlab-token x-amz-security-token x-functions-key x-rapidapi-key
  ocp-apim-subscription-key openai-organization openai-project
  via forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port x-forwarded-prefix x-forwarded-server
  x-forwarded-ssl x-real-ip x-client-ip x-cluster-client-ip true-client-ip cf-connecting-ip origin referer
  x-http-method-override x-http-method x-method-override x-original-method x-original-url x-original-uri x-rewrite-url
  x-override-url host expect x-vault-token x-vault-anything`
  .trim()
  .split(/\s+/);

test('nothing of a client’s credentials, connection, origin or overrides goes to the server, however it is spelled', () => {
  for (const name of KEPT_BACK) {
    for (const spelled of [name, name.toUpperCase()])
      assert.deepEqual(rules().request([spelled, 'x', 'X-Kept', '1']), ['X-Kept', '1'], spelled);
  }
});

test('what Connection names is gone in both directions, but for what the body is read by', () => {
  const named = ['Connection', 'close, X-Mine', 'connection', 'content-length,Content-Type , x-Other'];
  const own = ['X-Mine', '1', 'X-OTHER', '2', 'Content-Length', '3', 'Content-Type', 'text/plain', 'X-Kept', '4'];
  for (const passed of [rules().request([...named, ...own]), rules().response([...named, ...own])])
    assert.deepEqual(names(passed), ['Content-Length', 'Content-Type', 'X-Kept']);
  assert.deepEqual(names(rules().request([...own, ...named])), ['Content-Length', 'Content-Type', 'X-Kept']);
});

test('an answer brings no hop-by-hop field, no word of broker’s own, and no advice to go past it', () => {
  const dropped = ['Connection', 'Keep-Alive', 'Proxy-Authenticate', 'Proxy-Connection', 'TE', 'Trailer', 'Upgrade'];
  const more = ['Transfer-Encoding', 'X-Broker-Error', 'Alt-Svc', 'HTTP2-Settings', 'Proxy-Authentication-Info'];
  for (const name of [...dropped, ...more])
    assert.deepEqual(rules().response([name, 'x', 'X-Kept', '1']), ['X-Kept', '1']);
  assert.deepEqual(rules({ session_cookies: 'service' }).response(['SET-cookie', 'a=b']), []);
  assert.deepEqual(
    rules({ session_cookies: 'service', strip_response_headers: ['none'] }).response(['Set-Cookie', 'a']),
    [],
  );
});

test('a header that the service sets is there once, whatever the client sends and Connection names', () => {
  const set = rules({ set_headers: ['X-Tenant: ours'], default_headers: ['X-Version: 1'] });
  const sent = ['x-tenant', 'theirs', 'X-TENANT', 'again', 'Connection', 'x-tenant, x-version'];
  assert.deepEqual(set.request(sent), ['X-Version', '1', 'X-Tenant', 'ours']);
  assert.deepEqual(set.request(['x-tenant', 'theirs', 'A', '1']), ['A', '1', 'X-Version', '1', 'X-Tenant', 'ours']);
  assert.deepEqual(set.request(['x-version', '2']), ['x-version', '2', 'X-Tenant', 'ours']);
});

test('an injected header takes the place of all of its name', () => {
  const sent = ['x-key', 'theirs', 'A', '1', 'X-KEY', 'again'];
  assert.deepEqual(replaced(sent, ['X-Key', 'ours']), ['A', '1', 'X-Key', 'ours']);
});

test('of encodings only those go to the server whose answers can be looked into', () => {
  assert.deepEqual(rules().request(['Accept-Encoding', 'zstd, gzip;q=0.5, *']), ['Accept-Encoding', 'gzip;q=0.5']);
});
