import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { BrokerError } from '../core/errors.ts';
import { errnoOf } from './disk.ts';

export const LOCK_FILE = 'vault.broker.lock';

/** Takes the exclusive flock(2) of an open file without waiting; `unsupported` on file systems without it. */
export type Flock = (fd: number) => 'taken' | 'busy' | 'unsupported';

/** The home's process lock. The kernel drops it when the process ends, however it ends; a pid file could not. */
export interface HomeLock extends AsyncDisposable {
  readonly by: 'flock' | 'socket';
}

/**
 * Takes the home's process lock: flock through koffi, else (koffi is optional) an abstract unix socket named by the lock
 * file's device and inode, which is Linux only. The lock file stays for ever: removing it would let two processes lock
 * two files of one name.
 * @throws BrokerError `conflict` when another process holds it, naming its pid when it is known; `unavailable` when this
 * system offers neither way.
 */
export async function lockHome(home: string, loadFlock = koffiFlock): Promise<HomeLock> {
  const flock = await loadFlock();
  const fd = openSync(join(home, LOCK_FILE), constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    const answer = flock === undefined ? 'unsupported' : flock(fd);
    if (answer === 'busy') throw heldElsewhere(home, fd);
    const socket = answer === 'unsupported' ? await bindAbstract(home, fd) : undefined;
    notePid(fd);
    return {
      by: socket === undefined ? 'flock' : 'socket',
      async [Symbol.asyncDispose]() {
        ftruncateSync(fd);
        closeSync(fd);
        if (socket !== undefined) await new Promise((closed) => socket.close(closed));
      },
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

const LOCK_EX = 2;
const LOCK_NB = 4;

/** flock(2) by koffi; undefined when koffi is not installed or cannot be used here. */
export async function koffiFlock(): Promise<Flock | undefined> {
  try {
    const { default: koffi } = await import('koffi');
    const flock = koffi.load(null).func('int flock(int, int)');
    return (fd) => {
      if (flock(fd, LOCK_EX | LOCK_NB) === 0) return 'taken';
      return koffi.errno() === koffi.os.errno.EWOULDBLOCK ? 'busy' : 'unsupported';
    };
  } catch {
    // An optional dependency: whatever keeps it from loading, the socket does the same job.
    return undefined;
  }
}

async function bindAbstract(home: string, fd: number): Promise<Server> {
  if (process.platform !== 'linux') {
    throw new BrokerError('unavailable', `broker's home ${home} cannot be locked on this system without koffi`, {
      hint: 'install the optional package: npm install koffi',
    });
  }
  const { dev, ino } = fstatSync(fd, { bigint: true });
  // Nobody talks over this socket; its name is the lock.
  const server = createServer((connection) => connection.destroy());
  try {
    await new Promise<void>((bound, failed) => {
      server.once('error', failed);
      server.listen({ path: `\0broker-vault-${dev}-${ino}` }, bound);
    });
  } catch (error) {
    if (errnoOf(error) === 'EADDRINUSE') throw heldElsewhere(home, fd);
    throw error;
  }
  server.unref();
  return server;
}

function heldElsewhere(home: string, fd: number): BrokerError {
  const pid = /^\d{1,10}$/.exec(readFileSync(fd, 'utf8').trim())?.[0];
  const who = pid === undefined ? 'another process' : `another process (pid ${pid})`;
  return new BrokerError('conflict', `${who} is using broker's home ${home}`, {
    hint: 'stop it with: broker down; or give this one a home of its own: BROKER_HOME=DIR',
  });
}

function notePid(fd: number): void {
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`, 0);
}
