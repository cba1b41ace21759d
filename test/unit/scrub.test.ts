import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scrub } from '../../src/core/scrub.ts';
import { Secret } from '../../src/core/secret.ts';

const PASSWORD = 's3cret: ä+/"x\\1=?>>';

function forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const shifted = [0, 1, 2].flatMap((shift) => {
    const around = Buffer.concat([Buffer.from('ab'.slice(0, shift)), bytes, Buffer.from('zz')]);
    return [around.toString('base64'), around.toString('base64url')];
  });
  return [
    secret,
    JSON.stringify(secret),
    encodeURIComponent(secret),
    encodeURIComponent(secret).toLowerCase(),
    new URLSearchParams({ p: secret }).toString(),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...shifted,
  ];
}

for (const form of forms(PASSWORD)) {
  test(`cuts the secret out of ${form}`, () => {
    using secret = Secret.fromText(PASSWORD);
    const clean = scrub(`login "${form}" failed`, [undefined, secret]);
    assert.match(clean, /^login .*\*\*\*.* failed$/);
    for (const left of [PASSWORD, PASSWORD.slice(3, 12), form.slice(4, -4)]) assert.ok(!clean.includes(left), clean);
  });
}

test('leaves innocent words alone, also for a secret that is too short to mean anything', () => {
  using short = Secret.fromText('the');
  using long = Secret.fromText('correct horse');
  assert.equal(scrub('the horse is correct', [short, long]), 'the horse is correct');
});

test('a secret that is a pattern is taken literally', () => {
  using secret = Secret.fromText('.*|[a]');
  assert.equal(scrub('all .*|[a] and nothing', [secret]), 'all *** and nothing');
});
