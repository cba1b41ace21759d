import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerError } from '../../../src/core/errors.ts';
import type { Action } from '../../../src/core/grant.ts';
import type { Caller } from '../../../src/daemon/caller.ts';
import { broken, NEVER, OWNER, password, text } from '../vault/home.ts';
import { adminCaller, proxyCaller } from './callers.ts';
import { OPEN_ALL, reason, scene } from './gates.ts';

test('an admitted caller gets a grant that opens the secret, after its intent is on record', async (t) => {
  const { gate, vault, events } = await scene(t);
  const caller = proxyCaller({ grants: OPEN_ALL });
  const grant = await gate.admit(caller, { action: 'open', service: 'app-db', reason: 'a report', session: 's1' });
  using secret = vault.reveal(grant, 'password');
  assert.ok(secret.equals(Buffer.from('hunter2')));
  assert.deepEqual(await events(), [
    {
      action: 'gate.admit',
      outcome: 'intent',
      caller: {
        token: 'agent',
        tokenId: 'aaaaaaaaaa',
        uid: 1000,
        pid: 4711,
        executable: '/usr/bin/agent',
        transport: 'unix',
      },
      service: 'app-db',
      session: 's1',
      reason: 'a report',
      detail: { for: 'open', grant: grant.id },
    },
  ]);
});

test('a grant opens its own service and no other, and nothing once it has ended', async (t) => {
  const { gate, vault } = await scene(t);
  const grant = await gate.admit(proxyCaller({ grants: OPEN_ALL }), { action: 'open', service: 'app-db' });
  assert.deepEqual(grant.subject, { collection: 'service', name: 'app-db' });
  grant[Symbol.dispose]();
  assert.throws(() => vault.reveal(grant, 'password'), broken('denied'));
  assert.equal(gate.liveSessions('app-db'), 0);
});

test('to a caller without a grant, a service that exists and one that does not look the same', async (t) => {
  const { gate } = await scene(t);
  const caller = proxyCaller({ grants: [{ services: 'web', actions: ['open'] }] });
  const told = async (service: string): Promise<unknown> => {
    const error: unknown = await gate.admit(caller, { action: 'open', service }).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof BrokerError);
    return { ...error, message: error.message.replace(service, 'NAME') };
  };
  assert.deepEqual(await told('app-db'), await told('app-xx'));
  await assert.rejects(gate.admit(caller, { action: 'open', service: 'app-db' }), (error: BrokerError) => {
    assert.equal(error.code, 'not_found');
    assert.equal(error.hint, 'you may use: web');
    return true;
  });
});

test('a policy that shuts a caller out hides the service from it', async (t) => {
  const { gate, put } = await scene(t);
  await put('app-db', { allow_tokens: ['ci'] });
  await put('web', { allow_uids: [7] });
  const caller = proxyCaller({ grants: OPEN_ALL });
  for (const name of ['app-db', 'web', 'nothing']) {
    assert.equal(gate.visible(caller, name), false);
    await assert.rejects(gate.admit(caller, { action: 'open', service: name }), {
      ...broken('not_found'),
      hint: 'this token may use no service',
    });
  }
  assert.equal(gate.visible(proxyCaller({ grants: OPEN_ALL, name: 'ci/run' }), 'app-db'), true);
  assert.equal(gate.visible(adminCaller(), 'web'), true);
});

test('a caller that may use a service is told plainly what it may not do with it', async (t) => {
  const { gate } = await scene(t);
  const caller = proxyCaller({ grants: OPEN_ALL });
  await assert.rejects(
    gate.admit(caller, { action: 'http', service: 'web' }),
    broken('denied', /may not use web for http/),
  );
});

test('a name that is no name is not repeated', async (t) => {
  const { gate } = await scene(t);
  const caller = proxyCaller({ grants: OPEN_ALL });
  await assert.rejects(
    gate.admit(caller, { action: 'open', service: '<b>\u001b[2J' }),
    broken('not_found', /no service of that name/),
  );
});

const refusals: readonly [string, Caller, Action, string, string, string][] = [
  ['no token', { transport: 'tcp', origin: 'tcp:127.0.0.1' }, 'open', 'web', 'unauthenticated', 'token'],
  ['an ended token', proxyCaller({ signal: AbortSignal.abort() }), 'open', 'web', 'unauthenticated', 'token'],
  ['no grant', proxyCaller(), 'open', 'web', 'denied', 'grant'],
  ['another action', proxyCaller({ grants: OPEN_ALL }), 'exec', 'web', 'denied', 'action'],
  ['an unknown service', proxyCaller({ grants: OPEN_ALL }), 'open', 'nope', 'not_found', 'unknown'],
];
for (const [what, caller, action, service, code, rule] of refusals) {
  test(`a refusal (${what}) is on record with its true reason`, async (t) => {
    const { gate, events } = await scene(t);
    await assert.rejects(gate.admit(caller, { action, service, reason: 'because' }), { name: 'BrokerError' });
    const [event, ...more] = await events();
    assert.equal(more.length, 0);
    assert.deepEqual(
      {
        action: event?.action,
        outcome: event?.outcome,
        service: event?.service,
        reason: event?.reason,
        code: event?.code,
        detail: event?.detail,
      },
      { action: 'gate.admit', outcome: 'denied', service, reason: 'because', code, detail: { for: action, rule } },
    );
  });
}

test('a locked vault is told as that, with how to unlock it, but not to strangers', async (t) => {
  const { gate, vault, events } = await scene(t);
  vault.lock();
  const request = { action: 'open', service: 'app-db' } as const;
  await assert.rejects(gate.admit(proxyCaller(), request), { ...broken('locked'), hint: 'broker unlock' });
  await assert.rejects(gate.admit({ transport: 'unix', origin: 'uid:1' }, request), broken('unauthenticated'));
  await vault.unlock(password(), OWNER, NEVER);
  assert.deepEqual(
    (await events()).map(({ detail }) => detail?.rule),
    ['locked', 'token'],
  );
});

test('no record, no grant: what could not be written was not allowed', async (t) => {
  const { gate, audit } = await scene(t);
  await audit.close();
  const caller = proxyCaller({ grants: OPEN_ALL });
  await assert.rejects(gate.admit(caller, { action: 'open', service: 'app-db' }), broken('unavailable'));
  const { grant, recorded } = await gate.enter(caller, { action: 'open', service: 'app-db' });
  await assert.rejects(recorded, broken('unavailable'));
  assert.match(reason(grant.signal) ?? '', /audit log cannot be written/);
  assert.equal(gate.liveSessions('app-db'), 0);
});

test('what a gate cannot record it still refuses', async (t) => {
  const { gate, audit } = await scene(t);
  await audit.close();
  await assert.rejects(gate.admit(proxyCaller(), { action: 'open', service: 'app-db' }), { name: 'BrokerError' });
});

test('only an admin passes requireAdmin, and others learn how to become one', async (t) => {
  const { gate, events } = await scene(t);
  await gate.requireAdmin(adminCaller(), 'locking');
  await gate.requireAdmin({ transport: 'internal', origin: 'internal' }, 'locking');
  assert.equal((await events()).length, 0);
  const others: [Caller, string][] = [
    [proxyCaller({ grants: OPEN_ALL }), 'denied'],
    [{ transport: 'unix', origin: 'uid:1' }, 'unauthenticated'],
    [adminCaller({ signal: AbortSignal.abort() }), 'unauthenticated'],
    [adminCaller({ expiresAt: 1 }), 'unauthenticated'],
  ];
  for (const [caller, code] of others) {
    await assert.rejects(gate.requireAdmin(caller, 'locking'), (error: BrokerError) => {
      assert.equal(error.code, code);
      assert.match(error.hint ?? '', /BROKER_TOKEN.*master password/);
      return true;
    });
  }
  assert.deepEqual(
    (await events()).map(({ action, outcome }) => `${action} ${outcome}`),
    others.map(() => 'gate.admin denied'),
  );
});

test('only an admin gets a file back, on record as an exposure', async (t) => {
  const { gate, vault, events } = await scene(t);
  using content = text('key material');
  await vault.write([{ type: 'put', collection: 'file', name: 'id_ed25519', fields: {}, secrets: { content } }]);
  await assert.rejects(gate.expose(proxyCaller({ grants: OPEN_ALL }), 'id_ed25519'), broken('denied'));
  using grant = await gate.expose(adminCaller(), 'id_ed25519', 'moving house');
  using shown = vault.reveal(grant, 'content');
  assert.ok(shown.equals(Buffer.from('key material')));
  const last = (await events()).at(-1);
  assert.deepEqual(
    { action: last?.action, reason: last?.reason, file: last?.detail?.file },
    { action: 'file.expose', reason: 'moving house', file: 'id_ed25519' },
  );
  vault.lock();
  assert.equal(grant.active, false);
  await assert.rejects(gate.expose(adminCaller(), 'id_ed25519'), broken('locked'));
});

test('a service on the way is open to whoever it carries, with no grant for it, and to nobody else', async (t) => {
  const { gate, vault, events } = await scene(t);
  const caller = proxyCaller({ grants: [{ services: 'app-db', actions: ['open'] }] });
  const through = (service: string, target?: string) =>
    gate.admit(caller, { action: 'via', service, ...(target !== undefined && { target }) });
  const grant = await through('web', 'app-db');
  using secret = vault.reveal(grant, 'password');
  assert.ok(secret.equals(Buffer.from('hunter2')));
  assert.deepEqual((await events())[0]?.detail, { for: 'via', target: 'app-db', grant: grant.id });
  assert.equal(gate.liveSessions('web'), 0);
  for (const target of ['other', undefined]) {
    const refused: unknown = await through('web', target).catch((thrown: unknown) => thrown);
    assert.ok(refused instanceof BrokerError);
    assert.equal(refused.code, 'denied');
    assert.match(refused.message, /via_for/);
  }
  await assert.rejects(through('app-db', 'web'), broken('denied'));
  await assert.rejects(through('gone', 'app-db'), broken('not_found'));
  const ended = proxyCaller({ grants: OPEN_ALL, signal: AbortSignal.abort(new BrokerError('ended', 'revoked')) });
  await assert.rejects(
    gate.admit(ended, { action: 'via', service: 'web', target: 'app-db' }),
    broken('unauthenticated'),
  );
});
