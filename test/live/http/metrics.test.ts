import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PgServer } from '../../fakes/pgserver.ts';
import { TestDaemon } from '../../support/daemon.ts';
import { fakePostgres } from '../../support/pgservice.ts';
import { refusal } from '../../support/refusal.ts';

/* What /metrics counts, and to whom it tells it. */

let server: PgServer;
let daemon: TestDaemon;

before(async () => {
  server = await PgServer.start('app password');
  daemon = await TestDaemon.start();
  const admin = await daemon.admin();
  await admin.services.put(fakePostgres('mine', server));
  await admin.services.put(fakePostgres('theirs', server));
  await admin.services.put(
    fakePostgres('wrong', server, { secrets: { password: Buffer.from('canary-not-the-password') } }),
  );
});

after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

async function scrape(token?: string): Promise<{ status: number; text: string; value: (series: string) => number }> {
  const answer = await fetch(`${daemon.http}/metrics`, { headers: token ? { authorization: `Bearer ${token}` } : {} });
  const text = await answer.text();
  const value = (series: string): number => {
    const line = text.split('\n').find((each) => each.startsWith(`${series} `));
    return line === undefined ? Number.NaN : Number(line.slice(series.length + 1));
  };
  return { status: answer.status, text, value };
}

test('sessions, bytes, failures, refusals, calls and the audit log are counted', async () => {
  const admin = await daemon.adminToken();
  const agent = daemon.tcp(await daemon.proxyToken('agent', 'mine'));
  const opened = await agent.sessions.open({ service: 'mine' });
  const open = await scrape(admin);
  assert.equal(open.value('broker_sessions{kind="postgres",service="mine"}'), 1);
  await refusal(agent.sessions.open({ service: 'theirs' }), 'not_found');
  await refusal(daemon.tcp(admin).sessions.open({ service: 'wrong' }), 'upstream_auth');
  await agent.sessions.close({ id: opened.id });
  const { text, value, status } = await scrape(admin);
  assert.equal(status, 200);
  assert.equal(value('broker_vault_unlocked'), 1);
  assert.equal(value('broker_sessions_opened_total{kind="postgres",service="mine"}'), 1);
  assert.equal(value('broker_sessions_ended_total{kind="postgres",service="mine",reason="closed"}'), 1);
  assert.equal(value('broker_session_open_seconds_count{kind="postgres",service="mine"}'), 1);
  assert.equal(value('broker_session_open_failures_total{service="wrong",code="upstream_auth"}'), 1);
  assert.equal(value('broker_refusals_total{action="gate.admit",rule="grant"}'), 1);
  assert.equal(value('broker_rpc_total{method="Sessions/Open",code="ok"}'), 1);
  assert.equal(value('broker_rpc_total{method="Sessions/Open",code="not_found"}'), 1);
  assert.equal(value('broker_spares{service="mine"}'), 0);
  assert.equal(value('broker_audit_healthy'), 1);
  assert.ok(value('broker_audit_unsealed_records') > 0);
  assert.ok(value('process_resident_memory_bytes') > 10e6);
  for (const line of text.trimEnd().split('\n'))
    assert.match(line, /^# (HELP|TYPE) [a-z_]+ .+$|^[a-z_]+(\{([a-z_]+="[^"\\\n]*",?)+\})? [0-9.e+-]+$/);
  assert.doesNotMatch(text, /canary|brk_/);
});

test('a token reads the numbers of the services that it may know of; without one nobody reads any', async () => {
  const admin = await daemon.adminToken();
  await daemon.tcp(admin).sessions.open({ service: 'theirs' });
  const { text, status } = await scrape(await daemon.proxyToken('narrow', 'mine'));
  assert.equal(status, 200);
  assert.match(text, /broker_info\{version=/);
  assert.match(text, /service="mine"/);
  assert.doesNotMatch(text, /theirs|wrong/);
  assert.match((await scrape(admin)).text, /service="theirs"/);
  const none = await scrape();
  assert.deepEqual([none.status, none.text.includes('broker_info')], [401, false]);
  const posted = await fetch(`${daemon.http}/metrics`, { method: 'POST' });
  assert.equal(posted.status, 405);
});

test('with --open-metrics on it needs no token, not even while the vault is locked', async () => {
  await using open = await TestDaemon.start({ flags: { 'open-metrics': 'on' } });
  await open.instance.daemon.lock();
  const answer = await fetch(`${open.http}/metrics`);
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /^broker_vault_unlocked 0$/m);
  await refusal(TestDaemon.start({ flags: { 'open-metrics': 'yes' } }), 'invalid_argument');
});
