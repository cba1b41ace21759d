import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../core/secret.ts';
import { startInstance } from './instance.ts';
import { createLog } from './log.ts';
import { readSettings } from './settings.ts';

/** A daemon of one process's own: its vault is in memory, as far as the machine has a file system there. */
export interface PrivateDaemon extends AsyncDisposable {
  /** `unix:PATH`. */
  readonly address: string;
  /** Text of an admin token, which ends with it. */
  readonly token: string;
}

const PREFIX = 'broker-run-';
/** A random password of this length needs no stretching. */
const PASSWORD_BYTES = 48;
const KDF = { timeCost: 1, memoryKiB: 8, parallelism: 1 };
const START_MS = 30_000;

/**
 * Starts a daemon inside this process, with a new vault whose password nobody knows, in a folder that only this user can
 * enter and that goes when it is disposed. Left behind by a process that was killed, it holds nothing that can be opened,
 * and the next one removes it.
 * @param presets folder of the user's presets, which need not be there.
 * @throws as startInstance.
 */
export async function startPrivate(presets: string): Promise<PrivateDaemon> {
  const parent = memoryFolder();
  sweep(parent);
  const home = mkdtempSync(join(parent, `${PREFIX}${process.pid}-`));
  const remove = (): void => rmSync(home, { recursive: true, force: true });
  try {
    if (existsSync(presets)) cpSync(presets, join(home, 'presets'), { recursive: true, dereference: true });
    const instance = await startInstance({
      settings: readSettings({ home, grpc: 'off', http: '127.0.0.1:0', 'session-dir': join(home, 's') }, {}),
      env: {},
      log: createLog('error'),
      requestStop: () => undefined,
      kdf: KDF,
    });
    const dispose = async (): Promise<void> => {
      try {
        await instance[Symbol.asyncDispose]();
      } finally {
        remove();
      }
    };
    try {
      const { daemon, socket } = instance;
      using random = Secret.random(PASSWORD_BYTES);
      using password = random.use((bytes) => Secret.fromText(bytes.toString('base64url')));
      await daemon.vault.initialize(password, AbortSignal.timeout(START_MS));
      await daemon.unlocked();
      const { token } = await daemon.tokens.create({ name: 'private', scope: 'admin', grants: [] }, true);
      using _ = token;
      const text = token.use((bytes) => bytes.toString('utf8'));
      return { address: `unix:${socket}`, token: text, [Symbol.asyncDispose]: dispose };
    } catch (error) {
      await dispose();
      throw error;
    }
  } catch (error) {
    remove();
    throw error;
  }
}

/** A folder on a file system in memory, where there is one; else the usual one for temporary files. */
function memoryFolder(): string {
  const candidates = [process.env.XDG_RUNTIME_DIR, '/dev/shm'];
  return candidates.find((folder) => folder !== undefined && isWritable(folder)) ?? tmpdir();
}

function isWritable(folder: string): boolean {
  try {
    rmSync(mkdtempSync(join(folder, `${PREFIX}probe-`)), { recursive: true });
    return true;
  } catch {
    return false; // not there, not ours, read-only: the next one is tried
  }
}

/** Removes what processes that are gone have left. */
function sweep(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    const path = join(folder, name);
    if (statSync(path, { throwIfNoEntry: false })?.uid === process.getuid?.())
      rmSync(path, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
