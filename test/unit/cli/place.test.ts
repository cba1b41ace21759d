import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { forget, recall, remember } from '../../../src/cli/memory.ts';
import {
  brokerHome,
  configDir,
  findDaemon,
  findToken,
  isLocal,
  storePlace,
  storeToken,
} from '../../../src/cli/place.ts';

let folder = '';
let before: string | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'broker-place-'));
  before = process.env.XDG_CONFIG_HOME;
  process.env.XDG_CONFIG_HOME = folder;
});
afterEach(() => {
  if (before === undefined) delete process.env.XDG_CONFIG_HOME;
  else process.env.XDG_CONFIG_HOME = before;
  rmSync(folder, { recursive: true });
});

const env = (others: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  HOME: folder,
  XDG_CONFIG_HOME: folder,
  ...others,
});
const text = (secret: ReturnType<typeof findToken>) => secret?.use((bytes) => bytes.toString());

test('folders are where XDG says, else in the home', () => {
  assert.equal(configDir({ HOME: '/h' }), '/h/.config/broker');
  assert.equal(configDir({ HOME: '/h', XDG_CONFIG_HOME: '/c' }), '/c/broker');
  assert.equal(brokerHome({ HOME: '/h' }), '/h/.local/share/broker');
  assert.equal(brokerHome({ HOME: '/h', XDG_DATA_HOME: '/d' }), '/d/broker');
  assert.equal(brokerHome({ HOME: '/h', XDG_DATA_HOME: '/d', BROKER_HOME: '/b' }), '/b');
});

test('the daemon is where BROKER_ADDR says, then BROKER_HOME, then what was stored, then the usual socket', () => {
  assert.equal(findDaemon(env()).address, `unix:${folder}/.local/share/broker/broker.sock`);
  storePlace({ address: 'https://h:1', caFile: '/ca' });
  assert.deepEqual(findDaemon(env()), { address: 'https://h:1', caFile: '/ca' });
  assert.equal(findDaemon(env({ BROKER_HOME: '/b' })).address, 'unix:/b/broker.sock');
  assert.equal(findDaemon(env({ BROKER_HOME: '/b', BROKER_ADDR: 'h:2' })).address, 'h:2');
});

test('the first socket that is there is taken', () => {
  mkdirSync(join(folder, 'run', 'broker'), { recursive: true });
  writeFileSync(join(folder, 'run', 'broker', 'broker.sock'), '');
  assert.equal(
    findDaemon(env({ XDG_RUNTIME_DIR: join(folder, 'run') })).address,
    `unix:${folder}/run/broker/broker.sock`,
  );
});

test('a stored place that is damaged is named, not ignored', () => {
  storePlace({ address: 'h:1' });
  writeFileSync(join(folder, 'broker', 'place.json'), '{');
  assert.throws(() => findDaemon(env()), /place\.json is damaged; run: broker login ADDR$/);
});

test('BROKER_TOKEN goes before the stored token; an empty file is none', () => {
  assert.equal(findToken(env()), undefined);
  storeToken('stored');
  assert.equal(text(findToken(env())), 'stored');
  assert.equal(text(findToken(env({ BROKER_TOKEN: 'given' }))), 'given');
  storeToken('');
  assert.equal(findToken(env()), undefined);
});

test('what is stored can be read by its owner alone, whatever was there before', () => {
  storeToken('first');
  const path = join(folder, 'broker', 'token');
  chmodSync(path, 0o666);
  storeToken('second');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, 'broker')).mode & 0o777, 0o700);
});

test('only a unix socket is certain to be on this machine', () => {
  assert.deepEqual(['unix:/s', '/s', '127.0.0.1:8392', 'https://h:1'].map(isLocal), [true, true, false, false]);
});

test('a remembered admin token is for its daemon and until it expires', () => {
  const path = join(folder, 'sub', 'elevated.json');
  assert.equal(recall(path, 'unix:/s', 0), undefined);
  remember(path, 'unix:/s', 'admin', 100_000);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(text(recall(path, 'unix:/s', 97_000)), 'admin');
  assert.equal(recall(path, 'unix:/other', 0), undefined);
  assert.equal(recall(path, 'unix:/s', 99_000), undefined);
  assert.equal(recall(path, 'unix:/s', 0), undefined, 'what has expired is removed');
});

test('a remembered token is not read from a link, or from a file that others can read', () => {
  const path = join(folder, 'elevated.json');
  const elsewhere = join(folder, 'elsewhere');
  remember(elsewhere, 'a', 'planted', 100_000);
  symlinkSync(elsewhere, path);
  assert.equal(recall(path, 'a', 0), undefined);
  forget(path);
  remember(path, 'a', 'admin', 100_000);
  chmodSync(path, 0o644);
  assert.equal(recall(path, 'a', 0), undefined);
});

test('a token is never written through a link', () => {
  const path = join(folder, 'elevated.json');
  const elsewhere = join(folder, 'elsewhere');
  writeFileSync(elsewhere, 'untouched');
  symlinkSync(elsewhere, path);
  remember(path, 'a', 'admin', 100_000);
  assert.equal(statSync(elsewhere).size, 'untouched'.length);
  assert.equal(text(recall(path, 'a', 0)), 'admin');
});
