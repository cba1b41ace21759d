import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { scrubFields, scrubText } from '../../../../src/http/scrub/fields.ts';
import { holdBackOf, scrubBody } from '../../../../src/http/scrub/scrub.ts';
import { ManualClock } from '../../daemon/time.ts';
import { ENCODERS } from './encoders.ts';
import { needlesOf, Outlet } from './outlet.ts';

const SECRET = 'sk-0123456789/abcdef';

test('header fields are overwritten in whatever form, names too, each of its length', () => {
  using needles = needlesOf(SECRET);
  for (const { name, encode } of ENCODERS) {
    const echo = encode(SECRET);
    const fields = ['Location', `/login?key=${echo}&x`, 'X-Ok', 'fine', echo, 'value', 'Set-Cookie', `a=${echo}`];
    const clean = scrubFields(needles, fields);
    assert.deepEqual(
      clean.map((field) => field.length),
      fields.map((field) => field.length),
    );
    assert.match(clean[1] ?? '', /^\/login\?key=.{0,2}\*+.{0,5}&x$/, name);
    assert.deepEqual([clean[0], clean[2], clean[3], clean[5]], ['Location', 'X-Ok', 'fine', 'value']);
    assert.match(clean[4] ?? '', /^.{0,2}\*+.{0,5}$/, name);
  }
});

test('fields without a secret are the same array, so that nothing is copied', () => {
  using needles = needlesOf(SECRET);
  const fields = ['Content-Type', 'application/json', 'X-Latin1', '\xe4\xff'];
  assert.equal(scrubFields(needles, fields), fields);
});

test('a secret of 4 to 7 bytes is taken out of headers and left alone in bodies; a shorter one is not looked for', () => {
  using needles = needlesOf('s3cr3t!');
  assert.equal(scrubText(needles, 'bad key s3cr3t!'), 'bad key *******');
  assert.equal(needles.body, undefined);
  using tiny = needlesOf('abc');
  assert.equal(tiny.fields, undefined);
  using both = needlesOf('s3cr3t!', SECRET);
  assert.ok(both.body);
  assert.notEqual(both.body, both.fields);
  assert.equal(scrubText(both, `s3cr3t! ${SECRET}`), '******* ********************');
});

test('an empty password gives nothing to look for', () => {
  using needles = needlesOf('');
  assert.equal(needles.body, undefined);
  assert.equal(needles.fields, undefined);
});

test('needles show nothing of the secret, however they are looked at', () => {
  using needles = needlesOf('canarycanarycanary');
  for (const shown of [
    inspect(needles, { depth: 9, showHidden: true }),
    JSON.stringify(needles),
    `${String(needles)}`,
  ]) {
    assert.doesNotMatch(shown, /canary/);
    assert.ok(!shown.includes(Buffer.from('canary').toString('hex')), shown);
    assert.ok(!shown.includes([...Buffer.from('canary')].join(',')), shown);
  }
});

test('disposed needles find nothing any more: they throw, and nothing passes unseen', () => {
  const needles = needlesOf(SECRET);
  needles[Symbol.dispose]();
  assert.throws(() => scrubText(needles, 'x'), TypeError);
});

test('a response that is under way keeps its needles until its end, whatever their owner does', () => {
  const needles = needlesOf(SECRET);
  const outlet = new Outlet();
  const clock = new ManualClock();
  const facts = { coding: 'identity', contentType: 'text/plain', length: undefined } as const;
  const scrub = scrubBody({ needles, ...facts, clock, out: outlet });
  needles[Symbol.dispose]();
  scrub?.write(Buffer.from(`<${SECRET}>`));
  scrub?.end();
  assert.equal(outlet.text, `<${'*'.repeat(SECRET.length)}>`);
  assert.throws(() => scrubText(needles, 'x'), TypeError);
});

test('event streams and JSON lines go by lines, everything else by a fixed tail', () => {
  for (const type of [
    'text/event-stream',
    'Text/Event-Stream; charset=utf-8',
    'application/x-ndjson',
    'application/jsonl',
  ])
    assert.equal(holdBackOf(type), 'lines', type);
  for (const type of ['text/event-stream2', 'application/json', 'text/plain', undefined])
    assert.equal(holdBackOf(type), 'tail', type);
});
