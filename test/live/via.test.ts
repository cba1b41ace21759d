import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { BrokerClient } from '../../src/cli/connect.ts';
import { toStruct } from '../../src/core/struct.ts';
import { TestDaemon } from '../support/daemon.ts';
import { realPostgres, struct } from '../support/pgservice.ts';
import { command, RawRedis } from '../support/redis.ts';
import { rig } from '../support/rig.ts';
import { eventually } from '../support/sessions.ts';
import { Sshd } from '../support/sshd.ts';
import { execute } from '../support/sshworld.ts';

type Put = Parameters<BrokerClient['services']['put']>[0];

let daemon: TestDaemon;
let admin: BrokerClient;
/** May use the services behind, and not the bastion. */
let agent: BrokerClient;

async function bastion(name: string, fields: Record<string, unknown> = {}): Promise<Put> {
  const { host, port, logins, hostKey, userKey } = rig().openssh;
  const config = { host, port, user: logins.ssh.user, host_key: await readFile(hostKey, 'utf8'), ...fields };
  return {
    name,
    kind: 'ssh',
    config: struct(config as Parameters<typeof struct>[0]),
    secrets: { private_key: await readFile(userKey) },
  };
}

before(async () => {
  daemon = await TestDaemon.start();
  admin = await daemon.admin();
  await admin.services.put(await bastion('hop', { via_for: ['app-*', 'inner'] }));
  await admin.services.put(await bastion('inner', { via: 'hop', via_for: ['far-db'], allowed_commands: ['echo *'] }));
  await admin.services.put(realPostgres('app-db', { via: 'hop', spares: 0 }));
  await admin.services.put(realPostgres('far-db', { via: 'inner', spares: 0 }));
  const { host, port, logins } = rig().redis;
  await admin.services.put({
    name: 'app-cache',
    kind: 'redis',
    config: struct({ host, port, via: 'hop', spares: 0 }),
    secrets: { password: Buffer.from(logins.default.password) },
  });
  agent = await daemon.proxy('agent', '*-*');
});
after(() => daemon[Symbol.asyncDispose]());

/** Runs psql in a new session of the service. */
async function psql(service: string, ...args: string[]) {
  const session = await agent.sessions.open({ service });
  const env = { ...session.hint?.env, PGCONNECT_TIMEOUT: '20' };
  return await execute('psql', ['-X', '-qAt', ...args], { env });
}

test('psql through a bastion: TLS and login end to end, large results both ways, for a caller that may not use it', async () => {
  const asked = await psql(
    'app-db',
    '-c',
    'select ssl from pg_stat_ssl where pid = pg_backend_pid()',
    '-c',
    'select 1',
  );
  assert.deepEqual([asked.stdout.toString(), asked.stderr], ['t\n1\n', '']);
  const large = await psql('app-db', '-c', `copy (select repeat('x', 1000) from generate_series(1, 8000)) to stdout`);
  assert.equal(large.stdout.length, 8000 * 1001);
  await assert.rejects(agent.sessions.open({ service: 'hop' }), /no service/);
});

test('a service that is the way to others is not deleted before they are', async () => {
  await admin.services.put(await bastion('way', { via_for: ['app-last'] }));
  await admin.services.put(realPostgres('app-last', { via: 'way', spares: 0 }));
  await assert.rejects(admin.services.delete({ name: 'way' }), /way is the way to app-last \(via\)/);
  await admin.services.delete({ name: 'app-last' });
  await admin.services.delete({ name: 'way' });
});

test('the audit log says by which way, and for whom the bastion was used', async () => {
  await psql('app-db', '-c', 'select 1');
  const used = (await daemon.audit({ action: 'gate.admit' })).filter(({ detail }) => detail?.for === 'via');
  assert.deepEqual(
    [used.at(-1)?.service, used.at(-1)?.detail?.target, used.at(-1)?.caller.token],
    ['hop', 'app-db', 'agent'],
  );
  const opened = (await daemon.audit({ action: 'session.open' })).findLast(({ service }) => service === 'app-db');
  assert.equal(opened?.detail?.via, 'hop');
  assert.equal(opened?.session, used.at(-1)?.session);
});

test('Ctrl-C in psql cancels the query through the bastion', async () => {
  const session = await agent.sessions.open({ service: 'app-db' });
  const env = { ...process.env, ...session.hint?.env };
  const child = spawn('psql', ['-X', '-qAt', '-c', 'select 1', '-c', 'select pg_sleep(600)'], { env });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  await once(child.stdout, 'data');
  await eventually(async () => {
    const { stdout } = await psql(
      'app-db',
      '-c',
      "select count(*) from pg_stat_activity where query = 'select pg_sleep(600)'",
    );
    return stdout.toString() === '1\n';
  });
  child.kill('SIGINT');
  await once(child, 'close');
  assert.match(stderr, /canceling statement due to user request/);
});

test('redis through a bastion: a pipeline is answered in order', async () => {
  const session = await agent.sessions.open({ service: 'app-cache' });
  using redis = await RawRedis.connect(session.port ?? 0);
  redis.send(
    Buffer.concat([
      command('SET', 'app:via', 'x'.repeat(100_000)),
      command('GET', 'app:via'),
      command('DEL', 'app:via'),
    ]),
  );
  const said = await redis.until(/:1\r\n$/);
  assert.match(said, /^\+OK\r\n\$100000\r\nx{100000}\r\n:1\r\n$/);
});

test('a service behind a service behind a service', async () => {
  const { stdout, stderr } = await psql('far-db', '-c', 'select 1');
  assert.equal(stdout.toString(), '1\n', stderr);
});

test('sessions share the connection to the bastion, whichever service they are for', async () => {
  await Promise.all([
    psql('app-db', '-c', 'select 1'),
    psql('app-db', '-c', 'select 1'),
    psql('far-db', '-c', 'select 1'),
  ]);
  const { sessions } = daemon.instance.daemon;
  assert.deepEqual([sessions.trunkCount('hop'), sessions.trunkCount('inner')], [1, 1]);
});

test('service test names each hop, those of the bastion first', async () => {
  const { ok, hops } = await admin.services.test({ name: 'app-db' });
  assert.deepEqual(
    [ok, ...hops.map(({ name }) => name)],
    [true, 'hop tcp', 'hop tls', 'hop auth', 'tcp', 'tls', 'auth'],
  );
  assert.match(hops[3]?.detail ?? '', /from hop$/);
});

describe('what cannot be reached is said with the hop', () => {
  const { host, port } = rig().postgres;
  const behind = (name: string, over: Record<string, string | number>) =>
    realPostgres(name, { via: 'hop', spares: 0, ...over });

  test('a name that the bastion cannot resolve', async () => {
    await admin.services.put(behind('app-nowhere', { host: 'nowhere.invalid' }));
    const { hops, error } = await admin.services.test({ name: 'app-nowhere' });
    assert.deepEqual([hops.at(-1)?.name, hops.at(-1)?.ok], ['dns', false]);
    assert.match(error, /app-nowhere: hop: .*cannot resolve the host name of nowhere\.invalid/);
  });

  test('a port where nothing listens', async () => {
    await admin.services.put(behind('app-closed', { host, port: 1 }));
    await assert.rejects(agent.sessions.open({ service: 'app-closed' }), /app-closed: hop: .*cannot connect to .*:1/);
  });

  test('a bastion that does not forward', async () => {
    const { userKey } = rig().openssh;
    const key = await readFile(`${userKey}.pub`, 'utf8');
    await using sshd = await Sshd.start('AuthorizedKeysFile %f/keys\nAllowTcpForwarding no\n', { keys: key });
    const fields = { host: '127.0.0.1', port: sshd.port, host_key: sshd.hostKey, via_for: ['app-strict'] };
    await admin.services.put(await bastion('strict', fields));
    await admin.services.put(behind('app-strict', { via: 'strict', host, port }));
    await assert.rejects(agent.sessions.open({ service: 'app-strict' }), /does not forward connections/);
    for (const name of ['app-strict', 'strict']) await admin.services.delete({ name });
  });

  test('a bastion whose login fails, which is named', async () => {
    const wrong = await bastion('shut', { user: 'nobody-there', via_for: ['app-shut'] });
    await admin.services.put(wrong);
    await admin.services.put(behind('app-shut', { via: 'shut' }));
    const { hops, error } = await admin.services.test({ name: 'app-shut' });
    assert.deepEqual([hops.at(-1)?.name, hops.at(-1)?.ok], ['shut auth', false]);
    assert.match(error, /app-shut: shut: .* refused the key/);
  });

  test('a metadata service, and a port of broker', async () => {
    await admin.services.put(behind('app-meta', { host: '169.254.169.254' }));
    await assert.rejects(agent.sessions.open({ service: 'app-meta' }), /cloud metadata service/);
    await admin.services.put(behind('app-own', { host: 'localhost', port: daemon.instance.port ?? 0 }));
    await assert.rejects(agent.sessions.open({ service: 'app-own' }), /broker's own/);
  });
});

describe('a way that cannot be is refused when it is stored', () => {
  const refused = async (put: Put, why: RegExp) => assert.rejects(admin.services.put(put), why);

  test('a circle, naming the chain', async () => {
    await refused(
      await bastion('hop', { via: 'inner', via_for: ['inner'] }),
      /via leads in a circle: hop -> inner -> hop/,
    );
    await refused(await bastion('self', { via: 'self', via_for: ['self'] }), /self -> self/);
  });

  test('a service that is not there, not ssh, or does not carry it', async () => {
    await refused(realPostgres('app-x', { via: 'gone' }), /there is no service gone/);
    await refused(realPostgres('app-x', { via: 'app-db' }), /app-db is of kind postgres, not ssh/);
    await refused(realPostgres('other', { via: 'hop' }), /hop is not a way to other/);
  });

  test('a unix socket', async () => {
    await refused(
      realPostgres('app-x', { via: 'hop', host: '/run/postgresql' }),
      /via has no meaning for a unix socket/,
    );
  });
});

describe('what ends the way ends what goes through it', () => {
  /** A session with a query in it. */
  async function running(service = 'app-db') {
    const session = await agent.sessions.open({ service });
    const child = spawn('psql', ['-X', '-qAt', '-c', 'select 1', '-c', 'select pg_sleep(600)'], {
      env: { ...process.env, ...session.hint?.env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(child.stdout, 'data');
    return { closed: once(child, 'close') };
  }

  test('a change of the bastion, after which it no longer carries the service', async () => {
    const { closed } = await running();
    await admin.services.set({ name: 'hop', config: toStruct({ via_for: ['inner'] }) as object });
    await closed;
    await assert.rejects(agent.sessions.open({ service: 'app-db' }), (error: Error) => {
      assert.match(error.message, /app-db: hop is not a way to app-db \(via_for\)/);
      return true;
    });
    const denied = (await daemon.audit({ action: 'gate.admit' })).findLast(({ outcome }) => outcome === 'denied');
    assert.deepEqual([denied?.service, denied?.detail?.rule, denied?.detail?.target], ['hop', 'via_for', 'app-db']);
    await admin.services.set({ name: 'hop', config: toStruct({ via_for: ['app-*', 'inner'] }) as object });
    assert.equal((await psql('app-db', '-c', 'select 1')).stdout.toString(), '1\n');
  });

  test('its connection, when the server drops it: the next session dials anew', async () => {
    const key = await readFile(`${rig().openssh.userKey}.pub`, 'utf8');
    await using sshd = await Sshd.start('AuthorizedKeysFile %f/keys\n', { keys: key });
    const fields = { host: '127.0.0.1', port: sshd.port, host_key: sshd.hostKey, via_for: ['app-cut'] };
    await admin.services.put(await bastion('cut', fields));
    await admin.services.put(realPostgres('app-cut', { via: 'cut', spares: 0 }));
    const { closed } = await running('app-cut');
    await sshd.dropAll();
    await closed;
    assert.equal((await psql('app-cut', '-c', 'select 1')).stdout.toString(), '1\n');
  });

  test('a lock', async () => {
    const { closed } = await running();
    await admin.vault.lock({});
    await closed;
    assert.equal(daemon.instance.daemon.sessions.trunkCount('hop'), 0);
  });
});
