import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Route, Routes } from '../../../../src/daemon/http/routes.ts';

const route = (path: string): Route => ({ path, auth: 'open', handle: () => undefined });

test('a path is compared as it came: nothing that only decodes to a route is one', () => {
  const routes = new Routes();
  for (const path of ['/health', '/proxy/', '/oauth2/callback', '/rpc/broker.v1.Vault/Status']) routes.add(route(path));
  const found = (target: string): [string, string] | undefined => {
    const match = routes.find(target);
    return match && [match.route.path, match.rest];
  };
  assert.deepEqual(found('/health'), ['/health', '']);
  assert.deepEqual(found('/health?a=/b'), ['/health', '?a=/b']);
  assert.deepEqual(found('/proxy/x/%2F..//y?z=/1'), ['/proxy/', 'x/%2F..//y?z=/1']);
  assert.deepEqual(found('/proxy/'), ['/proxy/', '']);
  assert.deepEqual(found('/oauth2/callback?code=1'), ['/oauth2/callback', '?code=1']);
  assert.deepEqual(found('/rpc/broker.v1.Vault/Status'), ['/rpc/broker.v1.Vault/Status', '']);
  for (const none of [
    '/',
    '/health/',
    '/healt%68',
    '//proxy/x',
    '/proxy',
    '/proxy?/x',
    '/PROXY/x',
    '/oauth2/callback/',
    '/./proxy/x',
  ])
    assert.equal(found(none), undefined, none);
});

test('two routes cannot share a path, and a path that would never match cannot be added', () => {
  const routes = new Routes();
  routes.add(route('/health'));
  for (const path of ['/health', 'health', '/a/b/', '/', '/a?b'])
    assert.throws(() => routes.add(route(path)), TypeError, path);
});
