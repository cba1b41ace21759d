import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { SETTINGS } from '../../src/core/settings.ts';
import { connect } from '../../src/index.ts';
import { ROOT } from './blocks.ts';

const unit = readFileSync(join(ROOT, 'deploy/broker.service'), 'utf8');
const image = readFileSync(join(ROOT, 'deploy/Dockerfile'), 'utf8');
const PASSWORD = 'a master password of a machine';

test('the systemd unit runs under a user of its own, which can gain nothing', () => {
  assert.equal(entry('User'), 'broker');
  assert.equal(entry('Group'), 'broker');
  assert.equal(entry('NoNewPrivileges'), 'yes');
  assert.equal(entry('CapabilityBoundingSet'), '');
});

test('the folders of the unit are those that its command names, and the client looks for the socket there', () => {
  const flags = unitFlags();
  assert.equal(flags.home, `/var/lib/${entry('StateDirectory')}`);
  assert.equal(flags.socket, `/run/${entry('RuntimeDirectory')}/broker.sock`);
  assert.equal(flags.socket, '/run/broker/broker.sock'); // src/cli/place.ts
  assert.ok(flags['session-dir']?.startsWith('/run/broker/'));
  assert.match(entry('RestrictAddressFamilies'), /AF_NETLINK/);
});

test('every flag of the unit, and every variable of the image, is a setting', () => {
  const flags = Object.keys(unitFlags());
  assert.deepEqual(
    flags.filter((flag) => !SETTINGS.some(({ name }) => name === flag)),
    [],
  );
  const variables = [...image.matchAll(/\b(BROKER_[A-Z_]+)=/g)].map(([, name]) => name);
  const known: (string | undefined)[] = [...SETTINGS.map(({ env }) => env), 'BROKER_ADDR'];
  assert.deepEqual(
    variables.filter((name) => !known.includes(name)),
    [],
  );
});

test('the image runs the daemon as a user that is not root', () => {
  const users = [...image.matchAll(/^USER (\S+)$/gm)].map(([, user]) => user);
  assert.deepEqual(users, ['broker']);
  assert.ok(image.indexOf('USER broker') < image.indexOf('ENTRYPOINT'));
  assert.match(image, /^ENTRYPOINT \["broker"\]\nCMD \["daemon"\]$/m);
});

test('the command of the unit makes a socket for the group, and unlocks with the credential at its next start', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'brk-unit-'));
  try {
    const [, name = ''] = /^([\w.]+):/.exec(entry('LoadCredential')) ?? [];
    await mkdir(join(folder, 'credentials'));
    await writeFile(join(folder, 'credentials', name), `${PASSWORD}\n`);
    await withUnit(folder, async (address, vault) => {
      assert.equal(vault, 'absent');
      assert.equal(statSync(address.slice('unix:'.length)).mode & 0o777, 0o660);
      using client = connect({ address });
      await client.vault.initialize({ password: Buffer.from(PASSWORD) });
    });
    await withUnit(folder, async (_address, vault) => assert.equal(vault, 'unlocked'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** Runs what ExecStart says, with its folders below `folder` and a group that this process is in. */
async function withUnit(folder: string, use: (address: string, vault: unknown) => Promise<void>): Promise<void> {
  const flags = unitFlags();
  const moved = Object.entries(flags).flatMap(([flag, value]) => {
    if (flag === 'socket-group') return [`--${flag}`, String(process.getgid?.())];
    // The port may be taken here.
    if (flag === 'http') return [`--${flag}`, '127.0.0.1:0'];
    return [`--${flag}`, value.startsWith('/') ? join(folder, value) : value];
  });
  await mkdir(join(folder, '/run/broker'), { recursive: true });
  const daemon = spawn(process.execPath, [join(ROOT, 'dist/cli/main.js'), 'daemon', ...moved], {
    env: { PATH: process.env.PATH, HOME: folder, CREDENTIALS_DIRECTORY: join(folder, 'credentials') },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const closed = once(daemon, 'close');
  try {
    for await (const line of createInterface(daemon.stderr)) {
      const said: { msg?: string; vault?: string } = JSON.parse(line);
      if (said.msg !== 'ready') continue;
      await use(`unix:${join(folder, flags.socket ?? '')}`, said.vault);
      return;
    }
    assert.fail('the daemon ended before it was ready');
  } finally {
    daemon.kill('SIGTERM');
    await closed;
  }
}

/** The flags behind `broker daemon` in ExecStart. */
function unitFlags(): Record<string, string> {
  const [, flags = ''] = entry('ExecStart').split('broker daemon ');
  return Object.fromEntries(
    [...flags.matchAll(/--([a-z-]+) (\S+)/g)].map(([, name = '', value = '']) => [name, value]),
  );
}

function entry(key: string): string {
  const [, value] = new RegExp(`^${key}=(.*)$`, 'm').exec(unit) ?? [];
  assert.notEqual(value, undefined, `the unit has no ${key}`);
  return value ?? '';
}
