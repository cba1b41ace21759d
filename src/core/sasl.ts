import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { BrokerError, throwIfAborted } from './errors.ts';
import { saslprep } from './saslprep.ts';
import type { Secret } from './secret.ts';

/** Rounds of PBKDF2 that a server may make us do; the value itself is accepted (about a second, off the main thread). */
export const MAX_SCRAM_ITERATIONS = 2_000_000;
/** Characters of one SCRAM message, of a nonce, and of the base64 of a salt, that a server may send. */
const MAX_MESSAGE_CHARS = 8_192;
const MAX_NONCE_CHARS = 1_024;
const MAX_SALT_CHARS = 1_024;

export type ScramHash = 'sha1' | 'sha256' | 'sha512';

/**
 * What is said about channel binding (RFC 5802 §6). `none`: this connection has nothing to bind to. `unoffered`: it has,
 * but the server did not offer it: a server that did will notice that somebody struck its offer out.
 */
export type ScramBinding =
  | { readonly type: 'none' | 'unoffered' }
  | { readonly type: 'tls-server-end-point'; readonly data: Buffer };

export interface ScramOptions {
  readonly hash: ScramHash;
  readonly binding: ScramBinding;
  /** Empty for PostgreSQL, which takes the name from the StartupMessage. */
  readonly user: string;
  readonly password: Secret;
  /** True: a password that SASLprep refuses is used as it is (PostgreSQL); false: it is an error. */
  readonly rawFallback: boolean;
  /** At least 18 random bytes. */
  readonly nonce: Buffer;
}

const derive = promisify(pbkdf2);

/**
 * The client's side of one SCRAM exchange (RFC 5802, RFC 7677): `first`, `final`, `verify`, in this order.
 * All of them throw BrokerError `upstream_auth` (hop auth) for a server that does not keep to the exchange.
 */
export class ScramClient {
  readonly #options: ScramOptions;
  readonly #nonce: string;
  readonly #gs2: string;
  readonly #bare: string;
  #serverSignature: Buffer | undefined;

  /** @throws BrokerError `invalid_argument` for a user name that SASLprep refuses. */
  constructor(options: ScramOptions) {
    const user = saslprep(options.user);
    if (user === undefined) {
      throw new BrokerError('invalid_argument', 'user holds characters that SASL does not allow', { hop: 'config' });
    }
    this.#options = options;
    this.#nonce = options.nonce.toString('base64');
    this.#gs2 = { none: 'n,,', unoffered: 'y,,', 'tls-server-end-point': 'p=tls-server-end-point,,' }[
      options.binding.type
    ];
    this.#bare = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${this.#nonce}`;
  }

  /** The client-first-message. */
  first(): string {
    return this.#gs2 + this.#bare;
  }

  /** The client-final-message, in answer to the server-first-message. */
  async final(serverFirst: string, signal: AbortSignal): Promise<string> {
    const { nonce, salt, iterations } = readServerFirst(serverFirst, this.#nonce);
    const binding = this.#options.binding;
    const bound =
      binding.type === 'tls-server-end-point' ? [Buffer.from(this.#gs2), binding.data] : [Buffer.from(this.#gs2)];
    const withoutProof = `c=${Buffer.concat(bound).toString('base64')},r=${nonce}`;
    const authMessage = `${this.#bare},${serverFirst},${withoutProof}`;

    const salted = await this.#salt(salt, iterations, signal);
    const hash = this.#options.hash;
    const clientKey = createHmac(hash, salted).update('Client Key').digest();
    const serverKey = createHmac(hash, salted).update('Server Key').digest();
    salted.fill(0);
    const storedKey = createHash(hash).update(clientKey).digest();
    const proof = xor(clientKey, createHmac(hash, storedKey).update(authMessage).digest());
    this.#serverSignature = createHmac(hash, serverKey).update(authMessage).digest();
    clientKey.fill(0);
    serverKey.fill(0);
    return `${withoutProof},p=${proof.toString('base64')}`;
  }

  /** Checks the server-final-message: only who knows the password can sign it. */
  verify(serverFinal: string): void {
    const expected = this.#serverSignature;
    if (expected === undefined) throw broken('ended SCRAM before it began');
    if (serverFinal.length > MAX_MESSAGE_CHARS) throw broken('sent a SCRAM message that is too long');
    const refused = /^e=([\w.-]{1,64})/.exec(serverFinal)?.[1];
    if (refused) throw broken(`refused the login (${refused})`);
    const signature = base64(/^v=([^,]*)(?:,|$)/.exec(serverFinal)?.[1] ?? '');
    if (!signature || signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
      throw broken('could not prove that it knows the password (SCRAM signature)');
    }
  }

  async #salt(salt: Buffer, iterations: number, signal: AbortSignal): Promise<Buffer> {
    throwIfAborted(signal);
    const password = this.#options.password.use((bytes) => this.#prepare(bytes));
    try {
      const length = { sha1: 20, sha256: 32, sha512: 64 }[this.#options.hash];
      return await abortable(derive(password, salt, iterations, length, this.#options.hash), signal);
    } finally {
      // An abandoned derivation has its own copy of the password, made when it was started.
      password.fill(0);
    }
  }

  #prepare(bytes: Buffer): Buffer {
    const text = utf8(bytes);
    const prepared = text === undefined ? undefined : saslprep(text);
    if (prepared) return Buffer.from(prepared, 'utf8');
    if (this.#options.rawFallback) return Buffer.from(bytes);
    throw new BrokerError('upstream_auth', 'the stored password holds characters that SCRAM does not allow', {
      hop: 'auth',
    });
  }
}

/**
 * Channel binding data `tls-server-end-point` (RFC 5929 §4): the certificate's hash, by the hash of its own signature,
 * SHA-256 in place of MD5 and SHA-1.
 * @param certificate DER.
 * @returns undefined where that is not defined (Ed25519) or the certificate can't be read.
 */
export function tlsServerEndPoint(certificate: Buffer): Buffer | undefined {
  const hash = signatureHash(certificate);
  return hash === undefined ? undefined : createHash(hash).update(certificate).digest();
}

/** Signature algorithms by the hexadecimal of their OID (RFC 8017 A.2.4, RFC 5758 §3.2). */
const SIGNATURE_HASHES: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'sha256', // md5WithRSAEncryption
  '2a864886f70d010105': 'sha256', // sha1WithRSAEncryption
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a864886f70d01010e': 'sha224',
  '2a8648ce3d0401': 'sha256', // ecdsa-with-SHA1
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};
const RSASSA_PSS = '2a864886f70d01010a';
/** Hash algorithms inside RSASSA-PSS-params: 2.16.840.1.101.3.4.2.1 to 3, and SHA-224. */
const PSS_HASHES: Readonly<Record<string, string>> = {
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
  '608648016503040204': 'sha224',
};

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, parameters }, signature } (RFC 5280 §4.1). */
function signatureHash(certificate: Buffer): string | undefined {
  const algorithm = derItem(
    derItem(certificate, 0)?.content,
    derItem(derItem(certificate, 0)?.content, 0)?.end,
  )?.content;
  const oid = derItem(algorithm, 0);
  const id = oid?.content.toString('hex') ?? '';
  if (id !== RSASSA_PSS) return SIGNATURE_HASHES[id];
  // SEQUENCE { [0] SEQUENCE { OID hash } ... }; without the [0] it is SHA-1, which counts as SHA-256.
  const tagged = derItem(derItem(algorithm, oid?.end)?.content, 0);
  if (tagged?.tag !== 0xa0) return 'sha256';
  const hash = derItem(derItem(tagged.content, 0)?.content, 0)?.content.toString('hex') ?? '';
  return hash === '2b0e03021a' ? 'sha256' : PSS_HASHES[hash];
}

function derItem(bytes: Buffer | undefined, at: number | undefined) {
  if (!bytes || at === undefined || at + 2 > bytes.length) return undefined;
  const tag = bytes.readUInt8(at);
  let length = bytes.readUInt8(at + 1);
  let start = at + 2;
  if (length >= 0x80) {
    const size = length & 0x7f;
    if (size === 0 || size > 4 || start + size > bytes.length) return undefined;
    length = bytes.readUIntBE(start, size);
    start += size;
  }
  const end = start + length;
  return end > bytes.length ? undefined : { tag, content: bytes.subarray(start, end), end };
}

/** `r=<our nonce and theirs>,s=<base64>,i=<number>`, then extensions; an `m=` in front asks for one we don't know. */
function readServerFirst(message: string, clientNonce: string) {
  if (message.length > MAX_MESSAGE_CHARS) throw broken('sent a SCRAM message that is too long');
  const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([^,]+),i=([1-9]\d*)(?:,|$)/.exec(message);
  if (!match) throw broken('sent a SCRAM message that cannot be read');
  const [, nonce = '', saltText = '', count = ''] = match;
  if (!nonce.startsWith(clientNonce) || nonce.length === clientNonce.length)
    throw broken('did not extend our nonce (SCRAM): its answer is not meant for this login');
  if (nonce.length > MAX_NONCE_CHARS) throw broken('sent a SCRAM nonce that is too long');
  const salt = saltText.length > MAX_SALT_CHARS ? undefined : base64(saltText);
  if (!salt || salt.length === 0) throw broken('sent a bad SCRAM salt');
  const iterations = Number(count);
  if (iterations > MAX_SCRAM_ITERATIONS)
    throw broken(`asked for ${count.slice(0, 20)} SCRAM iterations; at most ${MAX_SCRAM_ITERATIONS} are allowed`);
  return { nonce, salt, iterations };
}

function base64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

function utf8(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined;
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)));
}

/** The work goes on in its thread when the signal aborts; nobody waits for it. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let wake = (): void => undefined;
  const aborted = new Promise<undefined>((resolve) => {
    wake = () => resolve(undefined);
  });
  signal.addEventListener('abort', wake, { once: true });
  try {
    const winner = await Promise.race([work.then((value) => ({ value })), aborted]);
    if (winner) return winner.value;
    throwIfAborted(signal);
    return await work;
  } finally {
    signal.removeEventListener('abort', wake);
  }
}

function broken(whatItDid: string): BrokerError {
  return new BrokerError('upstream_auth', `the server ${whatItDid}`, { hop: 'auth' });
}
