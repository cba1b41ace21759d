import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { globMatches } from '../../../src/core/glob.ts';
import type { Action } from '../../../src/core/grant.ts';
import type { TokenGrant } from '../../../src/daemon/caller.ts';
import {
  digestMatches,
  GRANTABLE,
  grantsContain,
  newTokenText,
  parseToken,
  rootName,
  tokenDigest,
  tokenFields,
} from '../../../src/daemon/token.ts';
import { broken } from '../vault/home.ts';

const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 6 });
const grant = fc.record<TokenGrant>({ services: glob, actions: fc.subarray<Action>([...GRANTABLE], { minLength: 1 }) });
/** Every name of up to six of these letters. */
const names = ((): string[] => {
  const all = [''];
  for (const name of all) if (name.length < 6) all.push(`${name}a`, `${name}b`);
  return all;
})();

function allows(grants: readonly TokenGrant[], name: string, action: Action): boolean {
  return grants.some(({ services, actions }) => actions.includes(action) && globMatches(services, name));
}

test('what a contained grant allows, its container allows', () => {
  fc.assert(
    fc.property(fc.array(grant, { maxLength: 3 }), fc.array(grant, { maxLength: 2 }), (outer, inner) => {
      fc.pre(grantsContain(outer, inner));
      for (const action of GRANTABLE) {
        for (const name of names)
          if (allows(inner, name, action)) assert.ok(allows(outer, name, action), `${action} ${name}`);
      }
    }),
    { numRuns: 300 },
  );
});

const table: readonly [outer: string, inner: string, contained: boolean][] = [
  ['*', '*', true],
  ['*', 'app-db', true],
  ['app-*', 'app-db', true],
  ['app-*', 'app-*-ro', true],
  ['app-*', 'app-**', true],
  ['*-ro', 'app-*-ro', true],
  ['a*c', 'a*b*c', true],
  ['app-db', 'app-db', true],
  ['app-db', 'app-*', false],
  ['app-*', '*', false],
  ['app-*', 'app*', false],
  ['a*b', 'a*', false],
  ['a*b', '*b', false],
  ['a*b*c', 'a*c', false],
];
for (const [outer, inner, contained] of table) {
  test(`${outer} ${contained ? 'contains' : 'does not contain'} ${inner}`, () => {
    const of = (services: string): TokenGrant[] => [{ services, actions: ['open'] }];
    assert.equal(grantsContain(of(outer), of(inner)), contained);
  });
}

test('each action is contained by itself, by different grants if need be', () => {
  const outer: TokenGrant[] = [
    { services: 'app-*', actions: ['open'] },
    { services: '*', actions: ['http'] },
  ];
  assert.equal(grantsContain(outer, [{ services: 'app-db', actions: ['open', 'http'] }]), true);
  assert.equal(grantsContain(outer, [{ services: 'web', actions: ['open', 'http'] }]), false);
});

test('the root of a name is what stands before the first slash', () => {
  assert.deepEqual(['ci', 'ci/run', 'ci/run/x', ''].map(rootName), ['ci', 'ci', 'ci', '']);
});

const stored = {
  id: 'aaaaaaaaaa',
  name: 'ci/run',
  scope: 'proxy' as const,
  grants: [{ services: 'app-*', actions: ['open'] as const }],
  createdAt: 1,
  expiresAt: 2,
  boundUid: 0,
  parent: 'bbbbbbbbbb',
  digest: Buffer.alloc(32, 9),
};

test('a stored token reads back as it was', () => {
  assert.deepEqual(parseToken(stored.id, tokenFields(stored)), stored);
  const limits = { methods: ['GET'], paths: ['/v1/*'], maxBody: 1, rate: 2, concurrency: 3 };
  const limited = { ...stored, grants: [{ services: 'api', actions: ['http'] as const, limits }] };
  assert.deepEqual(parseToken(limited.id, tokenFields(limited)), limited);
  const bare = { ...stored, expiresAt: undefined, boundUid: undefined, parent: undefined };
  assert.deepEqual(parseToken(bare.id, tokenFields(bare)), bare);
});

const damaged = {
  name: 1,
  scope: 'root',
  digest: 'abc',
  created_at: 'now',
  expires_at: 'never',
  bound_uid: -1,
  parent: 7,
  grants: [{ services: '*', actions: ['expose'] }],
};
const http = { services: '*', actions: ['http'] };
const limits = { methods: ['GET'], paths: ['/v1/*'], max_body: 1, rate: 2, concurrency: 3 };
for (const [field, value] of Object.entries({ methods: 'GET', paths: ['v1'], max_body: '1', rate: -1 })) {
  test(`a stored token with a bad limit (${field}) is corrupt, not without limits`, () => {
    const grants = [{ ...http, limits: { ...limits, [field]: value } }];
    assert.throws(() => parseToken('aaaaaaaaaa', { ...tokenFields(stored), grants }), broken('corrupt', /grants/));
  });
}

test('a grant of HTTP with limits holds only one that asks for no more', () => {
  const wide = { methods: ['GET', 'POST'], paths: ['/v1/**'], maxBody: 0, rate: 60, concurrency: 0 };
  const of = (limits?: typeof wide): TokenGrant[] => [
    { services: 'api', actions: ['http', 'open'], ...(limits && { limits }) },
  ];
  assert.equal(grantsContain(of(wide), of({ ...wide, methods: ['GET'], rate: 10 })), true);
  assert.equal(grantsContain(of(wide), of({ ...wide, methods: ['DELETE'] })), false);
  assert.equal(grantsContain(of(wide), of({ ...wide, paths: ['/**'] })), false);
  assert.equal(grantsContain(of(wide), of({ ...wide, rate: 61 })), false);
  // What the child leaves open is held by the parent's limits at every request (limits.test.ts).
  assert.equal(grantsContain(of(wide), of()), true);
});

for (const [field, value] of Object.entries(damaged)) {
  test(`a stored token with a bad ${field} is corrupt, not taken for another`, () => {
    assert.throws(
      () => parseToken('aaaaaaaaaa', { ...tokenFields(stored), [field]: value }),
      broken('corrupt', new RegExp(field)),
    );
  });
}

test('a digest matches in all of its bytes or not at all', () => {
  const { text } = newTokenText();
  const digest = tokenDigest(text);
  assert.ok(digestMatches(digest, text));
  for (const at of digest.keys()) {
    const other = Buffer.from(digest);
    other.writeUInt8((digest[at] ?? 0) ^ 1, at);
    assert.equal(digestMatches(other, text), false, `byte ${at}`);
  }
});
