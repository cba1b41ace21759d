import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AuditEvent } from '../../../../src/core/audit.ts';
import { chainLine, GENESIS, parseLine } from '../../../../src/daemon/audit/line.ts';
import { event } from './logs.ts';

const TIME = Date.parse('2026-03-01T12:00:00.007Z');

function stored(given: AuditEvent): AuditEvent | undefined {
  return parseLine(Buffer.from(chainLine(given, GENESIS, TIME).line))?.event;
}

test('a line is one JSON object: number, time with milliseconds, hash before, the event, hash', () => {
  const { line, mark } = chainLine(event(1), GENESIS, TIME);
  const body = `{"seq":1,"time":"2026-03-01T12:00:00.007Z","prev":"${GENESIS.hash}","action":"session.open","outcome":"ok","caller":{"token":"ci","uid":1000},"service":"db-1"`;
  const hash = createHash('sha256').update(`${body}}`).digest('hex');
  assert.equal(line, `${body},"hash":"${hash}"}`);
  assert.deepEqual(mark, { seq: 1, hash });
});

test('every field of an event comes back as it was', () => {
  const full: AuditEvent = {
    action: 'session.end',
    outcome: 'failed',
    caller: { token: 'ci', tokenId: 'abc', uid: 0, pid: 7, executable: '/usr/bin/psql', transport: 'unix' },
    service: 'app-db',
    kind: 'postgres',
    session: 's1',
    reason: 'a migration',
    code: 'upstream_auth',
    message: 'refused',
    durationMs: 1.5,
    bytesUp: 0,
    bytesDown: 12,
    detail: { for: 'open', n: 3, tls: false },
  };
  assert.deepEqual(stored(full), full);
});

test('a field takes 200 characters, a reason 500; what is longer ends in an ellipsis', () => {
  const long = 'x'.repeat(600);
  const kept = stored(event(1, { service: long, reason: long, detail: { reason: long } }));
  assert.equal(kept?.service, `${'x'.repeat(199)}…`);
  assert.equal(kept?.reason, `${'x'.repeat(499)}…`);
  assert.equal(kept?.detail?.reason, `${'x'.repeat(199)}…`);
  assert.equal(stored(event(1, { service: 'x'.repeat(200) }))?.service, 'x'.repeat(200));
});

test('control characters, line separators and text-direction marks do not get in', () => {
  const nasty = 'a\u001b[2Jb\nc\u0000\u0085\u2028d\u202ee\u007f';
  const kept = stored(
    event(1, { service: nasty, reason: nasty, caller: { executable: nasty }, detail: { [nasty]: nasty } }),
  );
  const clean = 'a [2Jb c d e ';
  assert.equal(kept?.service, clean);
  assert.equal(kept?.reason, clean);
  assert.equal(kept?.caller.executable, clean);
  assert.deepEqual(kept?.detail, { [clean]: clean });
});

test('nothing gets in that AuditEvent does not name, not even by a cast', () => {
  const smuggled = { ...event(1), password: 'hunter2', caller: { token: 'ci', secret: 'hunter2' } } as AuditEvent;
  assert.doesNotMatch(chainLine(smuggled, GENESIS, TIME).line, /hunter2/);
});

test('whatever the texts, the line stays one line, and reads back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 700 }), fc.string({ maxLength: 300 }), (reason, service) => {
      const { line } = chainLine(event(1, { reason, service }), GENESIS, TIME);
      assert.doesNotMatch(line, /[\n\r]/);
      const record = parseLine(Buffer.from(line));
      assert.ok((record?.event.reason?.length ?? 0) <= 500 && (record?.event.service?.length ?? 0) <= 200);
    }),
  );
});

test('no byte of a line can be another', () => {
  const line = Buffer.from(chainLine(event(1, { reason: 'wegen Umzug, ärgerlich' }), GENESIS, TIME).line);
  fc.assert(
    fc.property(fc.nat(line.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const changed = Buffer.from(line);
      changed[at] = (changed[at] ?? 0) ^ by;
      assert.equal(parseLine(changed), undefined);
    }),
  );
});
