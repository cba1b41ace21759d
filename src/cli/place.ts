import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { BrokerError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { type BrokerClient, type ConnectOptions, connect } from './connect.ts';

type Env = NodeJS.ProcessEnv;

/** `$XDG_CONFIG_HOME/broker`, else `~/.config/broker`: what a client keeps (address, token, CA). */
export function configDir(env: Env = process.env): string {
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'broker');
}

/** `$BROKER_HOME`, else `$XDG_DATA_HOME/broker`, else `~/.local/share/broker`: the daemon's folder. */
export function brokerHome(env: Env = process.env): string {
  return env.BROKER_HOME || join(env.XDG_DATA_HOME || join(env.HOME || homedir(), '.local', 'share'), 'broker');
}

export interface Place {
  readonly address: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/**
 * Where the daemon is: BROKER_ADDR; the socket in BROKER_HOME if that is set; what `broker login` or `up` stored; the
 * usual sockets. TCP only where one of the first or third says so.
 */
export function findDaemon(env: Env = process.env): Place {
  const stored = readStored(env);
  if (env.BROKER_ADDR) return { ...stored, address: env.BROKER_ADDR };
  if (env.BROKER_HOME) return { address: `unix:${join(env.BROKER_HOME, 'broker.sock')}` };
  if (stored) return stored;
  const candidates = [
    ...(env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, 'broker', 'broker.sock')] : []),
    '/run/broker/broker.sock',
    join(brokerHome(env), 'broker.sock'),
  ];
  return { address: `unix:${candidates.find((path) => existsSync(path)) ?? candidates.at(-1)}` };
}

/** The caller's token: BROKER_TOKEN, else the stored one; undefined where there is none. */
export function findToken(env: Env = process.env): Secret | undefined {
  if (env.BROKER_TOKEN) return Secret.fromText(env.BROKER_TOKEN);
  try {
    const stored = readFileSync(join(configDir(env), 'token'), 'utf8').trim();
    return stored ? Secret.fromText(stored) : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new BrokerError('invalid_argument', `cannot read ${join(configDir(env), 'token')}`, { cause: error });
  }
}

/** Whether the daemon is on this machine for certain: sessions then listen here by themselves. */
export function isLocal(address: string): boolean {
  return address.startsWith('unix:') || address.startsWith('/');
}

/** A client with the caller's own token. */
export function openClient(
  token: Secret | undefined = findToken(),
  options: Pick<ConnectOptions, 'receiveMuch'> = {},
): BrokerClient {
  return connect({ ...findDaemon(), ...(token && { token }), ...options });
}

/** Keeps an address for later calls of this user. */
export function storePlace(place: Place): void {
  write('place.json', `${JSON.stringify(place, null, 2)}\n`);
}

/** Keeps the token that lies around: proxy-scoped, never an admin's. */
export function storeToken(token: string): void {
  write('token', `${token}\n`);
}

/** Keeps the keys of broker's own side, for `broker ssh-config`. */
export function storeKnownHosts(lines: string): void {
  write('known_hosts', lines);
}

/** A new file in place of the old one: whole or not at all, and readable by its owner alone whatever was there before. */
function write(name: string, text: string): void {
  const dir = configDir();
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const fresh = join(dir, `.${name}.${randomBytes(6).toString('hex')}`);
  writeFileSync(fresh, text, { mode: 0o600, flag: 'wx' });
  renameSync(fresh, join(dir, name));
}

function readStored(env: Env): Place | undefined {
  const path = join(configDir(env), 'place.json');
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) throw new TypeError('not an object');
    const { address, caFile, certFile, keyFile } = parsed as Record<string, unknown>;
    if (typeof address !== 'string') throw new TypeError('no address');
    return {
      address,
      ...(typeof caFile === 'string' && { caFile }),
      ...(typeof certFile === 'string' && { certFile }),
      ...(typeof keyFile === 'string' && { keyFile }),
    };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new BrokerError('invalid_argument', `${path} is damaged; run: broker login ADDR`, { cause: error });
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
