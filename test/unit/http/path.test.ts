import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { badPath, splitQuery } from '../../../src/http/path.ts';

const passing = [
  '',
  '/',
  '//',
  '//evil.example/x',
  '/a%2Fb',
  '/a%3Fb',
  '/a%25b',
  '/a%20b',
  '/repos/x/tags/v1.0..2',
  '/...',
  '/.../x',
  '/.well-known/openid',
  '/a.b/c..d/',
  '/trailing.',
  '/a;v=1/b',
  '/%E2%82%AC',
  '/a%',
  '/a%zz',
  '/@scope%2Fname',
];

const refused = [
  '/.',
  '/..',
  '/a/../b',
  '/a/./b',
  '/a/..',
  '/%2e%2e/x',
  '/%2E./x',
  '/a%2F..%2Fb',
  '/a%2f%2e%2e%2fb',
  '/%252e%252e/x',
  '/%25252e%25252e/x',
  '/a%252F..%252Fb',
  '/a\\..\\b',
  '/a%5C..%5Cb',
  '/..;/x',
  '/..;a=b/x',
  '/.;x',
  '/%2e%2e%3bx/y',
  '/a%00b',
  '/a%0d%0ab',
  '/a%250ab',
  '/a%7f',
  '/a\u0001',
  '/a#b',
  '/a/..%2f',
];

for (const path of passing) test(`passes ${path}`, () => assert.equal(badPath(path), undefined));
for (const path of refused) test(`refuses ${JSON.stringify(path)}`, () => assert.ok(badPath(path)));

test('whatever passes has no dot segment after decoding it up to three times', () => {
  const bits = ['.', '..', '/', '\\', ';', '%2e', '%2E', '%2f', '%5c', '%25', '%3b', '2e', '2f', 'a', '%00', '%', '#'];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...bits), { maxLength: 10 }), (parts) => {
      const path = `/${parts.join('')}`;
      if (badPath(path) !== undefined) return;
      let seen = path;
      for (let round = 0; round < 4; round++) {
        const names = seen.split(/[/\\]/).map((segment) => segment.replace(/;.*/, ''));
        assert.ok(!names.includes('.') && !names.includes('..'), `${path} as ${seen}`);
        seen = seen.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('cuts a target at its first question mark', () => {
  assert.deepEqual(splitQuery('/a?b?c'), { path: '/a', query: '?b?c' });
  assert.deepEqual(splitQuery('/a'), { path: '/a', query: '' });
  assert.deepEqual(splitQuery('/a?'), { path: '/a', query: '?' });
});
