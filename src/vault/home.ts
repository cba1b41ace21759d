import type { Stats } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BrokerError } from '../core/errors.ts';
import { errnoOf, realDisk } from './disk.ts';

/**
 * Makes sure that `home` is a folder that only this user can enter; creates it (0700) when it is missing.
 * @param home an absolute path
 * @throws BrokerError `conflict` naming the folder and the command that fixes it. Broker does not change the mode of a
 * folder it did not make: BROKER_HOME may have been set to something that others use.
 */
export async function ensureHome(home: string): Promise<void> {
  const { mode, uid } = await folder(home);
  const me = process.getuid?.();
  if (me !== undefined && uid !== me) {
    throw new BrokerError('conflict', `broker's home ${home} belongs to uid ${uid}, and broker runs as uid ${me}`, {
      hint: `run broker as that user, or: chown ${me} ${home}`,
    });
  }
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    const octal = (mode & 0o7777).toString(8).padStart(4, '0');
    throw new BrokerError('conflict', `broker's home ${home} is open to other users (mode ${octal})`, {
      hint: `chmod 700 ${home}`,
    });
  }
}

async function folder(home: string): Promise<Stats> {
  try {
    const first = await mkdir(home, { recursive: true, mode: 0o700 });
    // A folder lasts once the one above it is synced: else a power cut could take a new home with the vault in it.
    if (first !== undefined) {
      for (let made = home; made.length >= first.length; made = dirname(made)) await realDisk.syncFolder(dirname(made));
    }
    return await stat(home);
  } catch (error) {
    throw new BrokerError('conflict', `broker's home ${home} cannot be used (${errnoOf(error)})`, { cause: error });
  }
}
