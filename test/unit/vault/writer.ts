import { writeSync } from 'node:fs';
import { Secret } from '../../../src/core/secret.ts';
import { Vault } from '../../../src/vault/vault.ts';

/**
 * The process that crash.test.ts kills: `writer loop|fill HOME KEYHEX FROM` unlocks the vault and writes until a write
 * fails, but never for ever. After each write that the vault acknowledged it prints `ok N`; after one that failed
 * `failed MESSAGE` and, from memory, the last that did not. Every fifth write of `loop` changes the key slots too, which
 * rewrites `.bak`; each of `fill` adds 8 KiB.
 */
const [mode, home, keyHex, from] = process.argv.slice(2);
if (home === undefined || keyHex === undefined) throw new TypeError('usage: writer loop|fill HOME KEYHEX FROM');

const vault = await Vault.open(home, { vouches: () => false });
await vault.unlock(
  { type: 'key', secret: Secret.copy(Buffer.from(keyHex, 'hex')) },
  'me',
  new AbortController().signal,
);
const spare = { type: 'key', secret: Secret.random(32) } as const;

for (let n = Number(from), left = mode === 'fill' ? 64 : 2_000; left > 0; n++, left--) {
  try {
    if (mode === 'loop' && n % 5 === 0) {
      if (vault.slots().some((slot) => slot.label === 'spare')) await vault.removeSlot('spare');
      else await vault.addSlot(spare, 'spare');
    }
    const name = mode === 'fill' ? `s${n}` : `s${n % 7}`;
    const secret = Secret.own(Buffer.alloc(mode === 'fill' ? 8192 : 12, `secret ${n} `));
    await vault.write([
      { type: 'put', collection: 'service', name, fields: { n }, secrets: { password: secret } },
      { type: 'put', collection: 'state', name: 'count', fields: { n } },
    ]);
  } catch (error) {
    writeSync(1, `failed ${error instanceof Error ? error.message : 'oddly'}\n`);
    const held = vault.get('state', 'count')?.fields.n;
    writeSync(1, `memory ${held}\n`);
    break;
  }
  writeSync(1, `ok ${n}\n`);
}
await vault[Symbol.asyncDispose]();
