// reflect-metadata must be loaded before @peculiar/x509, whose container needs it.
import 'reflect-metadata';
import { createECDH, randomBytes, type webcrypto, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import * as x509 from '@peculiar/x509';
import type { Secret } from '../core/secret.ts';

const { subtle } = globalThis.crypto;
x509.cryptoProvider.set(globalThis.crypto);

const DAY_MS = 86_400_000;
/** The CA lives for two years and is made anew in its last month; leaves live for a week (ECOSYSTEM §3.3). */
const CA_MS = 730 * DAY_MS;
const CA_RENEW_MS = 30 * DAY_MS;
const LEAF_MS = 7 * DAY_MS;
/** Clocks of clients may be behind ours. */
const BACKDATED_MS = 3_600_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const LABEL = 'local CA';

/** What the CA needs of the vault: its private key is derived from the data key, so no key lies on the disk. */
export interface CaVault {
  deriveKey(label: string): Secret;
  onLock(fn: () => void): unknown;
}

/**
 * The daemon's own certificate authority, for clients that insist on TLS on the way to a session (`--tls`). Its key
 * follows from the vault's data key, so it stays the same from unlock to unlock and changes with `passwd --rekey`.
 */
export class LocalCa {
  /** PEM of the CA certificate, for the clients to trust. */
  readonly caFile: string;
  readonly #vault: CaVault;
  #leaf: Promise<{ context: SecureContext; renewAt: number }> | undefined;

  /** @param folder one that the clients can read: the control socket's. */
  constructor(folder: string, vault: CaVault) {
    this.caFile = join(folder, 'ca.pem');
    this.#vault = vault;
    vault.onLock(() => {
      this.#leaf = undefined;
    });
  }

  /** A context with a certificate for localhost, 127.0.0.1 and ::1. @throws BrokerError `locked`. */
  async localTls(): Promise<{ context: SecureContext; caFile: string }> {
    if (this.#leaf && (await this.#leaf).renewAt <= Date.now()) this.#leaf = undefined;
    this.#leaf ??= this.#makeLeaf();
    try {
      return { context: (await this.#leaf).context, caFile: this.caFile };
    } catch (error) {
      this.#leaf = undefined;
      throw error;
    }
  }

  async #makeLeaf(): Promise<{ context: SecureContext; renewAt: number }> {
    const ca = await this.#authority();
    const keys = await subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const now = Date.now();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: 'CN=localhost',
      issuer: ca.certificate.subject,
      notBefore: new Date(now - BACKDATED_MS),
      notAfter: new Date(now + LEAF_MS),
      publicKey: keys.publicKey,
      signingKey: ca.keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([
          { type: 'dns', value: 'localhost' },
          { type: 'ip', value: '127.0.0.1' },
          { type: 'ip', value: '::1' },
        ]),
        await x509.AuthorityKeyIdentifierExtension.create(ca.keys.publicKey),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    const key = Buffer.from(await subtle.exportKey('pkcs8', keys.privateKey));
    const context = createSecureContext({
      cert: certificate.toString('pem'),
      key: `-----BEGIN PRIVATE KEY-----\n${key.toString('base64')}\n-----END PRIVATE KEY-----\n`,
      minVersion: 'TLSv1.2',
    });
    key.fill(0);
    return { context, renewAt: now + LEAF_MS - DAY_MS };
  }

  /** The CA certificate that lies in the home, if it is this key's and good for a while; else a new one. */
  async #authority(): Promise<{ certificate: x509.X509Certificate; keys: webcrypto.CryptoKeyPair }> {
    using seed = this.#vault.deriveKey(LABEL);
    const keys = await importKeys(seed);
    const kept = existsSync(this.caFile) ? readFileSync(this.caFile, 'utf8') : undefined;
    if (kept && (await isCurrent(kept, keys.publicKey))) return { certificate: new x509.X509Certificate(kept), keys };
    const now = Date.now();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name: 'CN=broker local CA',
      notBefore: new Date(now - BACKDATED_MS),
      notAfter: new Date(now + CA_MS),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    // Renamed into place: a client that reads the file meanwhile sees one certificate or the other.
    writeFileSync(`${this.caFile}.new`, `${certificate.toString('pem')}\n`, { mode: 0o644 });
    renameSync(`${this.caFile}.new`, this.caFile);
    return { certificate, keys };
  }
}

/** The P-256 key pair whose private scalar is the seed (SEC 1 §3.2.1; a seed beyond the order has odds of 2^-32). */
async function importKeys(seed: Secret): Promise<webcrypto.CryptoKeyPair> {
  const ecdh = createECDH('prime256v1');
  const jwk = seed.use((bytes) => {
    ecdh.setPrivateKey(bytes);
    const point = ecdh.getPublicKey();
    const part = (from: number, to: number): string => point.subarray(from, to).toString('base64url');
    return { kty: 'EC', crv: 'P-256', x: part(1, 33), y: part(33, 65), d: bytes.toString('base64url') };
  });
  const { d, ...open } = jwk;
  const [privateKey, publicKey] = await Promise.all([
    subtle.importKey('jwk', { ...open, d }, ALGORITHM, false, ['sign']),
    subtle.importKey('jwk', open, ALGORITHM, true, ['verify']),
  ]);
  return { privateKey, publicKey };
}

async function isCurrent(pem: string, publicKey: webcrypto.CryptoKey): Promise<boolean> {
  try {
    const certificate = new X509Certificate(pem);
    const spki = Buffer.from(await subtle.exportKey('spki', publicKey));
    const ours = certificate.publicKey.export({ type: 'spki', format: 'der' }).equals(spki);
    return ours && Date.parse(certificate.validTo) - Date.now() > CA_RENEW_MS;
  } catch {
    return false; // not a certificate: it is replaced
  }
}

/** 16 random bytes, positive (RFC 5280 §4.1.2.2). */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return bytes.toString('hex');
}
