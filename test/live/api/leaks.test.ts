import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { BrokerClient } from '../../../src/cli/connect.ts';
import { fromMillis } from '../../../src/core/rpc.ts';
import { PgServer } from '../../fakes/pgserver.ts';
import { LineClient } from '../../support/client.ts';
import { TestDaemon } from '../../support/daemon.ts';
import { fakePostgres } from '../../support/pgservice.ts';
import { refusal } from '../../support/refusal.ts';

/* What `broker run` asks of the daemon before it starts a command, and the token that lives as long as a call. */

const PASSWORD = 'a password of the app';
const KEY = 'first line of a key\nsecond line of a key';
let server: PgServer;
let daemon: TestDaemon;
let admin: BrokerClient;

before(async () => {
  server = await PgServer.start(PASSWORD);
  daemon = await TestDaemon.start();
  admin = await daemon.admin();
  await admin.services.put(fakePostgres('mine', server));
  await admin.services.put(fakePostgres('short', server, { secrets: { password: Buffer.from('seven77') } }));
  await admin.files.put([{ name: 'key', data: Buffer.from(`${KEY}\n`) }]);
});

after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

const bytes = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text));

test('a scan names the values that are a stored secret as a whole, of any service, and none that merely hold one', async () => {
  const stranger = await daemon.proxy('nobody', 'other-*');
  const values = bytes('/usr/bin', PASSWORD, `x${PASSWORD}`, PASSWORD.slice(1), '', 'seven77', KEY, `${PASSWORD}\n`);
  const { matches, files } = await stranger.vault.scan({ values });
  assert.deepEqual(matches, [1, 6, 7]);
  assert.deepEqual(files, []);
  const [record] = (await daemon.audit()).filter(({ action }) => action === 'vault.scan').slice(-1);
  assert.deepEqual(record?.detail, { values: 8, matches: 3 });
});

test('a scan of the home finds a secret in a file, also where two reads meet, and follows no link', async () => {
  const folder = join(daemon.home, 'notes');
  mkdirSync(folder);
  const border = Buffer.alloc((1 << 20) - 7, '.');
  writeFileSync(join(folder, 'border'), Buffer.concat([border, Buffer.from(PASSWORD), border]));
  writeFileSync(join(folder, 'clean'), 'a password of the ape');
  writeFileSync(join(folder, 'plain.txt'), `remember: ${PASSWORD}!`);
  symlinkSync('/', join(folder, 'everywhere'));
  const owner = await daemon.proxy('owner', 'mine');
  const { files } = await owner.vault.scan({ home: true });
  assert.deepEqual(files, ['notes/border', 'notes/plain.txt']);
  const away = daemon.tcp(await daemon.proxyToken('away', 'mine'));
  await refusal(away.vault.scan({ home: true }), 'denied');
});

test('guessing runs into the ration, which children share; what was asked before costs nothing', async () => {
  const token = await daemon.proxyToken('guesser', 'mine');
  const guesser = daemon.client(token);
  const batch = (from: number): Buffer[] => Array.from({ length: 2_000 }, (_, n) => Buffer.from(`guess ${from + n}`));
  await guesser.vault.scan({ values: batch(0) });
  await guesser.vault.scan({ values: batch(2_000) });
  for (let again = 0; again < 3; again++) await guesser.vault.scan({ values: batch(0) });
  const grants = [{ services: 'mine', actions: ['open'] }];
  const { text } = await guesser.tokens.create({ name: 'child', scope: 'proxy', grants, ttl: fromMillis(60_000) });
  await refusal(daemon.client(text).vault.scan({ values: batch(4_000) }), 'exhausted');
  await refusal(guesser.vault.scan({ values: [...batch(0), Buffer.from('x')] }), 'invalid_argument');
});

test('a held token and what it opened end when its call does, and it is never in the vault', async () => {
  const agent = await daemon.proxy('runner', 'mine');
  const leave = new AbortController();
  const spec = { name: 'run', scope: 'proxy', grants: [{ services: 'mine', actions: ['open'] }] };
  const call = agent.tokens.hold({ ...spec, ttl: fromMillis(60_000) }, { signal: leave.signal });
  const { value: made } = await call[Symbol.asyncIterator]().next();
  assert.equal(made.token.name, 'runner/run');
  const holder = daemon.client(made.text);
  const child = await holder.tokens.create({ ...spec, ttl: fromMillis(60_000) });
  const names = daemon.instance.daemon.vault.list('token').map(({ fields }) => fields.name);
  assert.deepEqual(
    names.filter((name) => String(name).startsWith('runner')),
    ['runner'],
  );
  const session = await holder.sessions.open({ service: 'mine' });
  using client = await LineClient.connect({ host: session.host, port: session.port });
  leave.abort();
  assert.equal(await client.rest(), '');
  await refusal(holder.sessions.list({}), 'unauthenticated');
  await refusal(daemon.client(child.text).sessions.list({}), 'unauthenticated');
});

test('a held token that was revoked ends its call', async () => {
  const agent = await daemon.proxy('revoked', 'mine');
  const spec = { name: 'run', scope: 'proxy', grants: [{ services: 'mine', actions: ['open'] }] };
  const texts: string[] = [];
  for await (const { text, token } of agent.tokens.hold({ ...spec, ttl: fromMillis(60_000) })) {
    texts.push(text);
    await admin.tokens.revoke({ token: token?.id ?? '' });
  }
  assert.equal(texts.length, 1);
});
