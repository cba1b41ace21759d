import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { rig } from './rig.ts';

const run = promisify(execFile);
let publicNode: string | undefined;

/** A Node that other users may run: this one, or a copy where it lies in somebody's private folder. */
export function nodeFor(uid: number): string {
  if (publicNode) return publicNode;
  publicNode = process.execPath;
  if (spawnSync(publicNode, ['--version'], { uid }).error) {
    const folder = mkdtempSync(join(tmpdir(), 'broker-node-'));
    chmodSync(folder, 0o755);
    publicNode = join(folder, 'node');
    copyFileSync(process.execPath, publicNode);
    chmodSync(publicNode, 0o755);
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  }
  return publicNode;
}

const ROOT = resolve(import.meta.dirname, '../..');

/** Runs `test/support/callas.ts` as another user, and gives what it printed. Needs root, as the rig's account does. */
export async function callAs(uid: number, address: string, token?: string): Promise<{ status: string; list: string }> {
  const words = ['--import', 'tsx', 'test/support/callas.ts', address, ...(token ? [token] : [])];
  const { stdout } = await run(nodeFor(uid), words, {
    cwd: ROOT,
    uid,
    gid: rig().account.gid,
    env: { PATH: process.env.PATH },
  });
  return JSON.parse(stdout);
}

/** The status of a POST of `{}` that another user makes. Needs root, as the rig's account does. */
export async function postAs(uid: number, url: string, token: string): Promise<number> {
  const script = `fetch(process.argv[1], { method: 'POST', body: '{}', headers: { 'content-type': 'application/json',
    authorization: 'Bearer ' + process.argv[2] } }).then(({ status }) => console.log(status))`;
  const { stdout } = await run(nodeFor(uid), ['-e', script, url, token], { uid, gid: uid, env: {} });
  return Number(stdout);
}

/** Tries to read a file as another user; gives the error's code, or `read`. */
export async function readAs(uid: number, path: string): Promise<string> {
  const script = `try { require('fs').readFileSync(process.argv[1]); console.log('read') } catch (e) { console.log(e.code) }`;
  const { stdout } = await run(nodeFor(uid), ['-e', script, path], { uid, gid: uid, env: {} });
  return stdout.trim();
}

/** A user of this machine that is not us. */
export function otherUid(): number {
  return rig().account.uid;
}
