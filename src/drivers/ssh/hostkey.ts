import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { BlobReader } from './blob.ts';

/** Host key types that may be pinned, with the signature algorithms they are proven by: never SHA-1. */
const ALGORITHMS_OF: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/** A host key that is trusted: all of it, or its fingerprint (whose type is not known then). */
export type Pin =
  | { readonly type: string; readonly blob: Buffer; readonly fingerprint: string }
  | { readonly type: undefined; readonly blob: undefined; readonly fingerprint: string };

/** What is known about the keys of one host. */
export interface Pins {
  readonly trusted: readonly Pin[];
  /** Fingerprints of keys that must never be accepted (`@revoked` in known_hosts). */
  readonly revoked: readonly string[];
}

/** Thrown for text that is no list of host keys; the message follows the field's name. */
export class HostKeyProblem extends Error {}

/** `SHA256:...` as OpenSSH prints it: unpadded base64 of the hash of the whole blob. */
export function fingerprint(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** The type that a public key blob names, undefined for one that is garbled. */
export function typeOf(blob: Buffer): string | undefined {
  try {
    return new BlobReader(blob).text();
  } catch {
    return undefined;
  }
}

/**
 * The field `host_key`: lines with a public key (`ssh-ed25519 AAAA... comment`) or a fingerprint (`SHA256:...`).
 * @throws HostKeyProblem
 */
export function parseHostKeys(text: string): Pins {
  const trusted = lines(text).map((line) => parseKeyLine(line));
  if (trusted.length === 0) throw new HostKeyProblem('has no key in it');
  return { trusted, revoked: [] };
}

/**
 * The field `known_hosts`: lines of OpenSSH's file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), of which those count that
 * name this host and port, hashed names included.
 * @throws HostKeyProblem also when no line is about this host.
 */
export function parseKnownHosts(text: string, host: string, port: number): Pins {
  const trusted: Pin[] = [];
  const revoked: string[] = [];
  const name = port === 22 ? host : `[${host}]:${port}`;
  for (const line of lines(text)) {
    const words = line.split(/[ \t]+/);
    const marker = words[0]?.startsWith('@') ? words.shift() : undefined;
    const [names = '', ...key] = words;
    if (!matchesHost(names, name)) continue;
    if (marker === '@cert-authority') throw new HostKeyProblem('has a @cert-authority line, which broker cannot check');
    if (marker !== undefined && marker !== '@revoked') throw new HostKeyProblem(`has an unknown marker ${marker}`);
    const pin = parseKeyLine(key.join(' '));
    if (marker) revoked.push(pin.fingerprint);
    else trusted.push(pin);
  }
  if (trusted.length === 0) throw new HostKeyProblem(`has no key for ${name}`);
  return { trusted, revoked };
}

/** True when `blob` is one of the pinned keys and not a revoked one. */
export function isTrusted(pins: Pins, blob: Buffer): boolean {
  const print = fingerprint(blob);
  if (pins.revoked.includes(print)) return false;
  return pins.trusted.some((pin) => (pin.blob ? same(pin.blob, blob) : pin.fingerprint === print));
}

/**
 * The signature algorithms to ask for: those of the pinned types first, so that a server with several keys shows the
 * one we know. The others follow, so that a key of another type is refused by name rather than by a failed negotiation.
 */
export function hostKeyAlgorithms(pins: Pins): string[] {
  const types = pins.trusted.flatMap((pin) => (pin.type === undefined ? [] : [pin.type]));
  const ordered = [...types, ...Object.keys(ALGORITHMS_OF)].flatMap((type) => ALGORITHMS_OF[type] ?? []);
  return [...new Set(ordered)];
}

function parseKeyLine(line: string): Pin {
  if (/^SHA256:[A-Za-z0-9+/]{43}$/.test(line)) return { type: undefined, blob: undefined, fingerprint: line };
  const [type = '', data = ''] = line.split(/[ \t]+/);
  if (type === 'ssh-dss') throw new HostKeyProblem('has a DSA key (ssh-dss), which is too weak');
  if (!Object.hasOwn(ALGORITHMS_OF, type))
    throw new HostKeyProblem(
      `has a line that is neither a public key (ssh-ed25519, ecdsa, ssh-rsa) nor a fingerprint (SHA256:...)`,
    );
  const blob = Buffer.from(data, 'base64');
  if (
    blob.length < 32 ||
    blob.toString('base64').replace(/=+$/, '') !== data.replace(/=+$/, '') ||
    typeOf(blob) !== type
  )
    throw new HostKeyProblem(`has a damaged ${type} key`);
  return { type, blob, fingerprint: fingerprint(blob) };
}

function lines(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** Plain names, `|1|salt|hash` names; patterns only with `*` and `?`, `!` excludes. */
function matchesHost(names: string, wanted: string): boolean {
  if (names.startsWith('|')) return matchesHashed(names, wanted);
  let matched = false;
  for (const name of names.split(',')) {
    const negated = name.startsWith('!');
    const pattern = (negated ? name.slice(1) : name).toLowerCase();
    const source = pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.');
    if (!new RegExp(`^${source}$`).test(wanted.toLowerCase())) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

function matchesHashed(name: string, wanted: string): boolean {
  const [, version, salt, hash] = name.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return false;
  const expected = createHmac('sha1', Buffer.from(salt, 'base64')).update(wanted).digest();
  return same(expected, Buffer.from(hash, 'base64'));
}

function same(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
