import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pathAllowed, pathPattern, patternContains, patternProblem } from '../../../../src/http/policy/paths.ts';

const allows = (patterns: readonly string[], path: string): boolean => pathAllowed(patterns.map(pathPattern), path);

const GRAMMAR: readonly (readonly [pattern: string, yes: readonly string[], no: readonly string[]])[] = [
  ['/v1/models', ['/v1/models'], ['/v1', '/v1/models/', '/v1/models/x', '/v1/Models', '/', '']],
  ['/v1/*', ['/v1/models', '/v1/a.b'], ['/v1', '/v1/', '/v1/models/x', '/v2/models']],
  ['/v1/**', ['/v1', '/v1/', '/v1/a', '/v1/a/b/c'], ['/v2', '/v10', '/']],
  ['/**', ['/', '', '/a', '/a/b'], []],
  ['/', ['/', ''], ['/a']],
  ['/repos/*/issues', ['/repos/x/issues'], ['/repos//issues', '/repos/x/y/issues', '/repos/issues']],
  ['/repos/**/issues', ['/repos/issues', '/repos/a/issues', '/repos/a/b/issues'], ['/repos/a/issues/1']],
  ['/v1/models/gemini-*:generateContent', ['/v1/models/gemini-2:generateContent'], ['/v1/models/x:generateContent']],
  ['/**/a/**/b', ['/a/b', '/x/a/y/a/b', '/a/a/b/b'], ['/b/a', '/a/b/c']],
  ['/ü', ['/%C3%BC', '/\xc3\xbc'], ['/%FC']],
];

for (const [pattern, yes, no] of GRAMMAR) {
  test(`${pattern} matches what it says`, () => {
    for (const path of yes) assert.ok(allows([pattern], path), path);
    for (const path of no) assert.ok(!allows([pattern], path), path);
  });
}

test('a path passes only when every way to read it matches', () => {
  const attacks = [
    '/v1/public%2F..%2Fadmin',
    '/v1/public%2Fadmin',
    '/v1/public%252Fadmin',
    '/v1/public%25252Fadmin',
    '/v1/public\\admin',
    '/v1/public%5Cadmin',
    '/v1/public%255Cadmin',
    '/v1;/public/x/y',
    '/v1//public',
    '//v1/public',
    '/v1/public/',
  ];
  for (const path of attacks) assert.ok(!allows(['/v1/*'], path), path);
  // Read with the parameter cut off it is /v1/admin, which nothing allows.
  assert.ok(!allows(['/v1/admin;*'], '/v1/admin;x=1'));
  assert.ok(
    allows(
      ['/v1/admin;*', '/v1/admin'].filter((p) => !p.includes(';')),
      '/v1/admin',
    ),
  );
  assert.ok(!allows(['/v1/a'], '/v1/%2561'), 'one server reads %61, which is not allowed');
  assert.ok(
    allows(
      ['/v1/a', '/v1/%61'].filter((p) => !p.includes('%')),
      '/v1/%61',
    ),
  );
  assert.ok(allows(['/v1/**'], '/v1/group%2Fproject/issues'), 'where everything below is allowed, so is this');
  assert.ok(!allows(['/v1/*/issues'], '/v1/group%2Fproject/issues'));
  assert.ok(allows(['/v1/*/issues', '/v1/*/*/issues'], '/v1/group%2Fproject/issues'));
});

test('whatever is allowed is allowed as each server of a sample would read it', () => {
  const servers: readonly ((path: string) => string)[] = [
    (path) => decodeURIComponent(path),
    (path) => decodeURIComponent(decodeURIComponent(path)),
    (path) => decodeURIComponent(path).replaceAll('\\', '/'),
    (path) => decodeURIComponent(path).replace(/\/{2,}/g, '/'),
    (path) => decodeURIComponent(path.replace(/;[^/]*/g, '')),
  ];
  const piece = fc.constantFrom('v1', 'a', 'admin', '/', '/', '%2F', '%252f', '%5C', '\\', ';x', '%3B', '%61', '//');
  const path = fc.array(piece, { maxLength: 8 }).map((pieces) => `/v1/${pieces.join('')}`);
  const pattern = fc.constantFrom('/v1/*', '/v1/**', '/v1/a', '/v1/*/a', '/**/a', '/v1/a*');
  fc.assert(
    fc.property(path, pattern, (rawPath, text) => {
      fc.pre(allows([text], rawPath));
      const asRegExp = new RegExp(
        `^${text
          .split('/')
          .slice(1)
          .map((segment) =>
            segment === '**' ? '(/.*)?' : `/${segment === '*' ? '[^/]+' : segment.replace('*', '[^/]*')}`,
          )
          .join('')}$`,
        's',
      );
      for (const read of servers) assert.match(read(rawPath), asRegExp, `${rawPath} under ${text}`);
    }),
    { numRuns: 3_000 },
  );
});

test('patterns that could not mean what they seem to are refused', () => {
  const bad = [
    'v1/*',
    '',
    '/a%2Fb',
    '/a\\b',
    '/a;b',
    '/a?b',
    '/a#b',
    '/a/../b',
    '/./a',
    '//a',
    '/a//b',
    '/a/x**',
    '/a\nb',
  ];
  for (const text of bad) assert.ok(patternProblem(text), text);
  for (const [text] of GRAMMAR) assert.equal(patternProblem(text), undefined, text);
  assert.equal(patternProblem('/v1/'), undefined);
});

test('a pattern holds another only if it matches all that the other does', () => {
  const segment = fc.constantFrom('a', 'b', '*', '**', 'a*', '*b', 'ab');
  const pattern = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => `/${segments.join('/')}`);
  const path = fc
    .array(fc.constantFrom('a', 'b', 'ab', 'axb'), { minLength: 1, maxLength: 5 })
    .map((s) => `/${s.join('/')}`);
  fc.assert(
    fc.property(pattern, pattern, path, (outer, inner, some) => {
      fc.pre(patternContains(pathPattern(outer), pathPattern(inner)));
      if (allows([inner], some)) assert.ok(allows([outer], some), `${outer} holds ${inner}, but not ${some}`);
    }),
    { numRuns: 3_000 },
  );
  for (const [outer, inner, holds] of [
    ['/**', '/a/**', true],
    ['/v1/*', '/v1/models', true],
    ['/v1/*', '/v1/*', true],
    ['/v1/*', '/v1/**', false],
    ['/v1/a*', '/v1/*', false],
    ['/v1/**', '/v1/*/x', true],
  ] as const) {
    assert.equal(patternContains(pathPattern(outer), pathPattern(inner)), holds, `${outer} ${inner}`);
  }
});

test('many stars against a long path take no time to speak of', () => {
  const path = `/${'a/'.repeat(2_000)}b`;
  assert.ok(!allows([`/${'**/a/'.repeat(150)}c`], path));
});
