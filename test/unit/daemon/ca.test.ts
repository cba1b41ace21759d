import assert from 'node:assert/strict';
import { createHmac, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { connect, TLSSocket } from 'node:tls';
import { Secret } from '../../../src/core/secret.ts';
import { type CaVault, LocalCa } from '../../../src/daemon/ca.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'broker-ca-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function vaultOf(dataKey: string): CaVault & { lock(): void } {
  const listeners: (() => void)[] = [];
  return {
    deriveKey: (label) => Secret.own(createHmac('sha256', dataKey).update(label).digest()),
    onLock: (fn) => listeners.push(fn),
    lock: () => {
      for (const fn of listeners) fn();
    },
  };
}

/** What a client that trusts `caFile` alone sees when it connects as `name`: undefined, or why it refuses. */
async function refusal(ca: LocalCa, name: string): Promise<unknown> {
  const { context, caFile } = await ca.localTls();
  const server = createServer((socket) => {
    new TLSSocket(socket, { isServer: true, secureContext: context }).on('error', () => socket.destroy()).resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const trusted = await readFile(caFile, 'utf8');
  try {
    return await new Promise((resolve) => {
      const socket = connect({ host: '127.0.0.1', port, servername: name, ca: trusted }, () => {
        socket.end();
        resolve(undefined);
      });
      socket.on('error', resolve);
    });
  } finally {
    server.close();
  }
}

test('a client that trusts the CA alone accepts the certificate for localhost, and for no other name', async () => {
  const ca = new LocalCa(folder, vaultOf('one'));
  assert.equal(await refusal(ca, 'localhost'), undefined);
  const other = await refusal(ca, 'db.example');
  assert.equal((other as NodeJS.ErrnoException).code, 'ERR_TLS_CERT_ALTNAME_INVALID');
});

test('the CA stays the same from start to start, and is another for another vault', async () => {
  await new LocalCa(folder, vaultOf('one')).localTls();
  const first = await readFile(join(folder, 'ca.pem'), 'utf8');
  await new LocalCa(folder, vaultOf('one')).localTls();
  assert.equal(await readFile(join(folder, 'ca.pem'), 'utf8'), first);
  await new LocalCa(folder, vaultOf('two')).localTls();
  assert.notEqual(await readFile(join(folder, 'ca.pem'), 'utf8'), first);
});

test('a damaged CA file is replaced, and everybody may read the new one', async () => {
  await writeFile(join(folder, 'ca.pem'), 'not a certificate');
  await new LocalCa(folder, vaultOf('one')).localTls();
  const made = new X509Certificate(await readFile(join(folder, 'ca.pem')));
  assert.equal(made.ca, true);
  assert.equal((await stat(join(folder, 'ca.pem'))).mode & 0o444, 0o444);
});

test('the leaf is made once, and anew after a lock', async () => {
  const vault = vaultOf('one');
  const ca = new LocalCa(folder, vault);
  const { context } = await ca.localTls();
  assert.equal((await ca.localTls()).context, context);
  vault.lock();
  assert.notEqual((await ca.localTls()).context, context);
});

test('no private key reaches the disk', async () => {
  await new LocalCa(folder, vaultOf('one')).localTls();
  assert.doesNotMatch(await readFile(join(folder, 'ca.pem'), 'utf8'), /PRIVATE/);
});
