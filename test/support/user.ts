import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { rig } from './rig.ts';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');

/** Runs `test/support/callas.ts` as another user, and gives what it printed. Needs root, as the rig's account does. */
export async function callAs(uid: number, address: string, token?: string): Promise<{ status: string; list: string }> {
  const words = ['--import', 'tsx', 'test/support/callas.ts', address, ...(token ? [token] : [])];
  const { stdout } = await run(process.execPath, words, {
    cwd: ROOT,
    uid,
    gid: rig().account.gid,
    env: { PATH: process.env.PATH },
  });
  return JSON.parse(stdout);
}

/** Tries to read a file as another user; gives the error's code, or `read`. */
export async function readAs(uid: number, path: string): Promise<string> {
  const script = `try { require('fs').readFileSync(process.argv[1]); console.log('read') } catch (e) { console.log(e.code) }`;
  const { stdout } = await run(process.execPath, ['-e', script, path], { uid, gid: uid, env: {} });
  return stdout.trim();
}

/** A user of this machine that is not us. */
export function otherUid(): number {
  return rig().account.uid;
}
