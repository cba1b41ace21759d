import { setTimeout as delay } from 'node:timers/promises';
import { run, succeeds } from './process.ts';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** True if the rig may create users and run servers as them. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * The user that a server runs as. As root that is a system user of that name, created if missing (and kept: other
 * rigs on the machine use it too); otherwise it is whoever runs the rig.
 */
export async function account(name: string, shell = '/usr/sbin/nologin'): Promise<Account> {
  if (!isRoot()) {
    const who = (await run('id', ['-un'])).trim();
    return { name: who, uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 };
  }
  if (!(await succeeds('id', ['-u', name]))) await create(name, shell);
  const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
  return { name, uid: Number(uid), gid: Number(gid) };
}

/** Another rig may be creating users at the same moment and hold the lock on /etc/passwd, or create this very one. */
async function create(name: string, shell: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await run('useradd', ['--system', '--no-create-home', '--home-dir', '/nonexistent', '--shell', shell, name]);
      return;
    } catch (error) {
      if (await succeeds('id', ['-u', name])) return;
      if (attempt === 20) throw error;
      await delay(100);
    }
  }
}
