import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { BrokerError } from '../../../src/core/errors.ts';
import { AMBIENT_GRANTS } from '../../../src/daemon/token.ts';
import { ELEVATION_MS, Tokens } from '../../../src/daemon/tokens.ts';
import { broken, NEVER, OWNER, openVault, password, text } from '../vault/home.ts';
import { HOUR } from './callers.ts';

import { end, PROXY, plain, scene, UNIX } from './tokenscene.ts';

test('a token is brk_, its id, and 256 random bits; it says who presents it', async (t) => {
  const { tokens, clock } = await scene(t);
  const { token, record } = await tokens.create(PROXY);
  assert.match(plain(token), new RegExp(`^brk_${record.id}_[A-Za-z0-9_-]{43}$`));
  const { signal, ...who } = tokens.authenticate(token, UNIX);
  assert.equal(signal.aborted, false);
  const { id } = record;
  const expiresAt = clock.now() + HOUR;
  assert.deepEqual(who, { id, name: 'agent', scope: 'proxy', grants: AMBIENT_GRANTS, ancestors: [], expiresAt });
});

test('a new token has another id and another secret', async (t) => {
  const { tokens } = await scene(t);
  const made = await Promise.all(Array.from({ length: 20 }, () => tokens.create(PROXY)));
  assert.equal(new Set(made.map(({ record }) => record.id)).size, 20);
  assert.equal(new Set(made.map(({ token }) => plain(token).slice(15))).size, 20);
});

test('only the hash of a token is kept, in memory and in the vault', async (t) => {
  const { tokens, vault } = await scene(t);
  const { token, record } = await tokens.create(PROXY);
  const secret = plain(token).slice(15);
  const seen = inspect([tokens, tokens.list(), record, vault.list('token'), token], { depth: 9, showHidden: true });
  assert.ok(!seen.includes(secret));
});

test('what is not exactly a token of ours is unknown', async (t) => {
  const { tokens } = await scene(t);
  const { token } = await tokens.create(PROXY);
  const good = plain(token);
  const swapped = good.slice(0, -1) + (good.endsWith('A') ? 'B' : 'A');
  const bad = [
    '',
    'x',
    swapped,
    good.slice(0, -1),
    `${good}A`,
    ` ${good.slice(1)}`,
    good.replace('brk_', 'bqk_'),
    good.toUpperCase(),
    'ü'.repeat(29),
  ];
  for (const guess of bad) {
    assert.throws(() => tokens.authenticate(text(guess), UNIX), broken('unauthenticated', /not known/), guess);
  }
});

test('an unknown id and a wrong secret are told the same', async (t) => {
  const { tokens } = await scene(t);
  const { token } = await tokens.create(PROXY);
  const told = (guess: string): unknown => {
    try {
      return tokens.authenticate(text(guess), UNIX);
    } catch (error) {
      return error instanceof Error && { ...error, message: error.message };
    }
  };
  const good = plain(token);
  assert.deepEqual(told(`brk_aaaaaaaaaa_${good.slice(15)}`), told(`${good.slice(0, 15)}${'A'.repeat(43)}`));
});

test('survives a restart of the daemon', async (t) => {
  const { tokens, vault, home, clock } = await scene(t);
  const { token, record } = await tokens.create({ ...PROXY, boundUid: 1000 });
  await vault[Symbol.asyncDispose]();
  const again = await openVault(t, home);
  const later = new Tokens(again, clock);
  assert.throws(() => later.authenticate(token, UNIX), broken('locked'));
  await again.unlock(password(), OWNER, NEVER);
  later.load();
  assert.equal(later.authenticate(token, UNIX).id, record.id);
  assert.deepEqual(later.list(), tokens.list());
});

test('the vault file does not hold the token', async (t) => {
  const { tokens, home } = await scene(t);
  const { token } = await tokens.create(PROXY);
  const files = (await readdir(home, { withFileTypes: true })).filter((entry) => entry.isFile());
  assert.ok(files.length > 0);
  for (const { name } of files) {
    const bytes = await readFile(join(home, name));
    assert.ok(!bytes.includes(plain(token).slice(15)), name);
  }
});

test('a lock leaves tokens valid, and ends elevated ones', async (t) => {
  const { tokens, vault } = await scene(t);
  const { token } = await tokens.create(PROXY);
  const elevated = tokens.elevate('agent (elevated)');
  const { why } = end(tokens, elevated.token);
  vault.lock();
  tokens.endElevated();
  assert.equal(tokens.authenticate(token, UNIX).name, 'agent');
  assert.match(why() ?? '', /ended with the lock/);
  assert.throws(() => tokens.authenticate(elevated.token, UNIX), broken('unauthenticated'));
});

test('ends by itself: the signal aborts, the token is no longer accepted', async (t) => {
  const { tokens, clock } = await scene(t);
  const { token } = await tokens.create(PROXY);
  const { signal, why } = end(tokens, token);
  clock.advance(HOUR - 1);
  assert.equal(signal.aborted, false);
  clock.advance(1);
  assert.match(why() ?? '', /the token agent has expired/);
  assert.equal((signal.reason as BrokerError).code, 'ended');
  assert.throws(() => tokens.authenticate(token, UNIX), broken('unauthenticated', /agent has expired/));
});

test('tokens expire each at its own time, whatever the order they were made in', async (t) => {
  const { tokens, clock } = await scene(t);
  const ends: { readonly signal: AbortSignal }[] = [];
  for (const hours of [3, 1, 2]) ends.push(end(tokens, (await tokens.create({ ...PROXY, ttlMs: hours * HOUR })).token));
  const ended = (): boolean[] => ends.map(({ signal }) => signal.aborted);
  clock.advance(HOUR);
  assert.deepEqual(ended(), [false, true, false]);
  clock.advance(HOUR);
  assert.deepEqual(ended(), [false, true, true]);
  clock.advance(HOUR);
  assert.deepEqual(ended(), [true, true, true]);
  assert.equal(clock.pending, 0);
});

test('a token without an end has none', async (t) => {
  const { tokens, clock } = await scene(t);
  const { token } = await tokens.create({ name: 'root', scope: 'admin', grants: [] });
  clock.advance(100 * 365 * 24 * HOUR);
  assert.equal(tokens.authenticate(token, UNIX).expiresAt, undefined);
});

test('over TCP a bound token serves its uid only; the unix socket does not ask', async (t) => {
  const { tokens } = await scene(t);
  const { token } = await tokens.create({ ...PROXY, boundUid: 1000 });
  for (const transport of ['tcp', 'http'] as const) {
    assert.equal(tokens.authenticate(token, { transport, uid: 1000 }).name, 'agent');
    assert.throws(
      () => tokens.authenticate(token, { transport, uid: 1001 }),
      broken('unauthenticated', /bound to uid 1000/),
    );
    assert.throws(() => tokens.authenticate(token, { transport }), broken('unauthenticated', /bound to uid 1000/));
  }
  assert.equal(tokens.authenticate(token, { transport: 'unix', uid: 0 }).name, 'agent');
});

test('a token that the disk would not forget stays as it was', async (t) => {
  const { tokens, vault } = await scene(t);
  const { token, record } = await tokens.create(PROXY);
  vault.lock();
  await assert.rejects(tokens.revoke(record.id), broken('locked'));
  assert.equal(tokens.authenticate(token, UNIX).name, 'agent');
});

test('is found by id, by a unique prefix of four, or by its name', async (t) => {
  const { tokens } = await scene(t);
  const { record } = await tokens.create(PROXY);
  const twice = [await tokens.create({ ...PROXY, name: 'twice' }), await tokens.create({ ...PROXY, name: 'twice' })];
  assert.equal(tokens.find(record.id).id, record.id);
  assert.equal(tokens.find(record.id.slice(0, 4)).id, record.id);
  assert.equal(tokens.find('agent').id, record.id);
  assert.throws(() => tokens.find(record.id.slice(0, 3)), broken('not_found'));
  assert.throws(() => tokens.find(''), broken('not_found'));
  assert.throws(
    () => tokens.find('twice'),
    broken('invalid_argument', new RegExp(`${twice[0]?.record.id}|${twice[1]?.record.id}`)),
  );
});

test('an elevated token is an admin for five minutes at most, and leaves no trace in the vault', async (t) => {
  const { tokens, clock, vault } = await scene(t);
  const { token } = tokens.elevate('agent (elevated)', 1000, 24 * HOUR);
  assert.equal(tokens.authenticate(token, UNIX).scope, 'admin');
  assert.equal(vault.list('token').length, 0);
  const { signal } = end(tokens, token);
  clock.advance(ELEVATION_MS);
  assert.equal(signal.aborted, true);
  assert.throws(() => tokens.authenticate(token, UNIX), broken('unauthenticated'));
});

test('a token that is no longer in the vault ends at the next load', async (t) => {
  const { tokens, vault } = await scene(t);
  const { token, record } = await tokens.create(PROXY);
  const { why } = end(tokens, token);
  await vault.write([{ type: 'delete', collection: 'token', name: record.id }]);
  tokens.load();
  assert.match(why() ?? '', /no longer in the vault/);
});
