import assert from 'node:assert/strict';
import { chmod, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestDaemon } from '../../support/daemon.ts';
import { struct } from '../../support/pgservice.ts';
import { rig } from '../../support/rig.ts';
import { Sshd } from '../../support/sshd.ts';

const MEGABYTES = 60;
/** Of about 260 for the whole file: 2 MiB that are under way, and what gRPC's two sides hold. */
const MOST_READS = 60;

test('a caller that stops reading a download stops the reads at the server, while others go on', async () => {
  const { userKey, logins, directory } = rig().openssh;
  const keys = await readFile(`${userKey}.pub`, 'utf8');
  // OpenSSH's own server, which writes down every request.
  const settings = 'AuthorizedKeysFile %f/keys\nForceCommand /usr/lib/openssh/sftp-server -e -l DEBUG 2>>%f/log\n';
  await using sshd = await Sshd.start(settings, { keys, log: '' });
  const log = join(sshd.folder, 'log');
  await chmod(log, 0o666);
  const path = join(directory, `slow-${process.pid}`);
  await using file = await open(path, 'w', 0o644);
  await file.truncate(MEGABYTES * 1_000_000);
  await using daemon = await TestDaemon.start();
  const admin = await daemon.admin();
  const base = { host: '127.0.0.1', port: sshd.port, user: logins.ssh.user, host_key: sshd.hostKey };
  const config = struct({ ...base, sftp_read: [directory] });
  await admin.services.put({ name: 'box', kind: 'ssh', config, secrets: { private_key: await readFile(userKey) } });
  const token = await daemon.proxyToken('copier', '*', ['copy']);
  const reads = async (): Promise<number> => (await readFile(log, 'utf8')).match(/ read /g)?.length ?? 0;

  /** How many reads a whole download takes, which is also long enough for another to run away in. */
  const whole = async (): Promise<number> => {
    let bytes = 0;
    for await (const { data } of daemon.client(token).ssh.download({ service: 'box', path }))
      bytes += data?.length ?? 0;
    assert.equal(bytes, MEGABYTES * 1_000_000);
    return await reads();
  };
  const alone = await whole();
  assert(alone > 3 * MOST_READS, `${alone} reads for all of it`);
  const stopped = daemon.client(token).ssh.download({ service: 'box', path })[Symbol.asyncIterator]();
  await stopped.next();
  await stopped.next();
  const both = (await whole()) - 2 * alone;
  assert(both > 0 && both <= MOST_READS, `${both} reads for a caller that took one message`);
  await stopped.return?.();
  await rm(path);
});
