import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, type TestContext, test } from 'node:test';
import { build } from 'esbuild';
import { Vault } from '../../../src/vault/vault.ts';
import { authority, broken, KEY, key, NEVER, newVault, OWNER, openVault, revealed } from './home.ts';

const KILLS = 200;
const LANES = 2;
const SEED = Number(process.env.BROKER_TEST_SEED ?? 20_260_801);

let folder = '';
let writer = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'broker-writer-'));
  writer = join(folder, 'writer.mjs');
  // Bundled once: each of the many starts then costs what node itself costs.
  await build({
    entryPoints: [join(import.meta.dirname, 'writer.ts')],
    outfile: writer,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    plugins: [
      {
        name: 'native',
        setup: (bundle) => {
          bundle.onResolve({ filter: /^(argon2|koffi)$/ }, ({ path }) => ({
            path: import.meta.resolve(path),
            external: true,
          }));
        },
      },
    ],
  });
});

after(() => rm(folder, { recursive: true, force: true }));

/** A repeatable source of numbers in [0, 1): mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function homeWithKey(t: TestContext): Promise<string> {
  const { vault, home } = await newVault(t);
  await vault.addSlot(key(), 'test');
  await vault[Symbol.asyncDispose]();
  return home;
}

function start(t: TestContext, command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** Runs the writer, kills it in the middle of what follows its nth acknowledged write, and gives the last one it acknowledged. */
async function writeAndKill(
  t: TestContext,
  home: string,
  from: number,
  writes: number,
  spinMs: number,
): Promise<number> {
  const child = start(t, process.execPath, [writer, 'loop', home, KEY.toString('hex'), String(from)]);
  assert.ok(child.stdout);
  const closed = once(child, 'close');
  let acknowledged = from - 1;
  let left = writes;
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, number] = line.split(' ');
    assert.equal(word, 'ok', line);
    acknowledged = Number(number);
    if (--left !== 0) continue;
    // A save takes a few milliseconds: somewhere in the next one, or the one after it.
    const until = performance.now() + spinMs;
    while (performance.now() < until);
    child.kill('SIGKILL');
  }
  const [, signal] = await closed;
  assert.equal(signal, 'SIGKILL');
  return acknowledged;
}

async function opened(home: string): Promise<Vault> {
  const vault = await Vault.open(home, { vouches: authority.vouches });
  await vault.unlock(key(), OWNER, NEVER);
  return vault;
}

function count(vault: Vault): number {
  const n = vault.get('state', 'count')?.fields.n;
  return typeof n === 'number' ? n : -1;
}

test(`${KILLS} kills in the middle of saving lose nothing that was acknowledged`, async (t) => {
  t.diagnostic(`seed ${SEED} (BROKER_TEST_SEED)`);
  let unacknowledged = 0;
  let interrupted = 0;
  const lane = async (number: number): Promise<void> => {
    const home = await homeWithKey(t);
    const next = random(SEED + number);
    let from = 0;
    for (let kill = 0; kill < KILLS / LANES; kill++) {
      const acknowledged = await writeAndKill(t, home, from, 1 + Math.floor(next() * 3), next() * 6);
      if ((await readdir(home)).some((name) => name.endsWith('.tmp'))) interrupted++;
      const vault = await opened(home);
      try {
        const last = count(vault);
        assert.equal(vault.damage, undefined);
        assert.ok(last >= acknowledged, `acknowledged ${acknowledged}, found ${last}`);
        assert.ok(last <= acknowledged + 1, `acknowledged ${acknowledged}, found ${last}`);
        if (last > acknowledged) unacknowledged++;
        for (let n = Math.max(0, last - 6); n <= last; n++) {
          assert.equal(vault.get('service', `s${n % 7}`)?.fields.n, n);
          assert.equal(revealed(vault, `s${n % 7}`, 'password'), Buffer.alloc(12, `secret ${n} `).toString());
        }
        from = last + 1;
      } finally {
        await vault[Symbol.asyncDispose]();
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
  assert.ok(interrupted > KILLS / 20, `only ${interrupted} of the kills came while a save was writing`);
  t.diagnostic(`${interrupted} of the kills left a half-made save behind`);
  t.diagnostic(`${unacknowledged} of the kills fell between the rename and its acknowledgement`);
});

test('a disk that fills up fails the write, and file and memory keep all before it', async (t) => {
  const home = await homeWithKey(t);
  // A file size limit is the full disk that any user can have; sh counts it in blocks of 512 or 1024 bytes.
  const command = `ulimit -f 100; exec "$0" "$@"`;
  const child = start(t, 'sh', ['-c', command, process.execPath, writer, 'fill', home, KEY.toString('hex'), '1']);
  assert.ok(child.stdout);
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) lines.push(line);
  const acknowledged = lines.filter((line) => line.startsWith('ok ')).length;
  assert.ok(acknowledged >= 4, lines.join('\n'));
  assert.deepEqual(lines.slice(acknowledged), [
    'failed the vault could not be saved: the file size limit is reached (EFBIG)',
    `memory ${acknowledged}`,
  ]);
  const vault = await opened(home);
  assert.equal(count(vault), acknowledged);
  await vault[Symbol.asyncDispose]();
});

test('a killed process leaves the home free, a live one does not', async (t) => {
  const home = await homeWithKey(t);
  const child = start(t, process.execPath, [writer, 'loop', home, KEY.toString('hex'), '0']);
  assert.ok(child.stdout);
  await once(child.stdout, 'data');
  await assert.rejects(openVault(t, home), broken('conflict', new RegExp(`pid ${child.pid}\\)`)));
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  child.stdout.resume();
  await closed;
  const vault = await openVault(t, home);
  await vault.unlock(key(), OWNER, NEVER);
});
