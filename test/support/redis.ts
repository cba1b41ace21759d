import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Visitor } from '../../src/core/driver.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { Secret } from '../../src/core/secret.ts';
import type { RedisConfig } from '../../src/drivers/redis/config.ts';
import { redis } from '../../src/drivers/redis/driver.ts';
import type { RedisFacts } from '../../src/drivers/redis/upstream.ts';
import { testIo } from './io.ts';
import { type LeaseOptions, TestLease } from './lease.ts';
import { rig } from './rig.ts';

/** A service's configuration: the rig's default user in the clear, but for what is said. */
export function configOf(fields: JsonObject = {}, password?: string, key?: string): RedisConfig {
  const { host, port, logins } = rig().redis;
  const secrets = new Map<string, Secret>();
  const stored = password ?? logins.default.password;
  if (stored !== '') secrets.set('password', Secret.fromText(stored));
  if (key !== undefined) secrets.set('key', Secret.fromText(key));
  return redis.config.parse({ host, port, ...fields }, secrets);
}

export type RedisLease = TestLease<RedisConfig, RedisFacts, Visitor, never>;

export function openLease(config = configOf(), options: Partial<LeaseOptions> = {}): Promise<RedisLease> {
  return TestLease.open(redis, config, { io: testIo(), ...options });
}

/** A command in the canonical form. */
export function command(...args: readonly (string | Buffer)[]): Buffer {
  const parts = args.map((arg) => {
    const bytes = Buffer.from(arg);
    return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]);
  });
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...parts]);
}

/** A raw connection to a server or a lease, whose replies are compared byte by byte. */
export class RawRedis implements Disposable {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#ended = true;
    });
  }

  static async connect(port: number, host = '127.0.0.1'): Promise<RawRedis> {
    const socket = connect({ host, port, noDelay: true });
    await once(socket, 'connect');
    return new RawRedis(socket);
  }

  send(...parts: readonly (Buffer | string)[]): void {
    this.socket.write(Buffer.concat(parts.map((part) => Buffer.from(part))));
  }

  /** Everything that came since the last call, once it ends with `end` (an expression matches it all). */
  async until(end: string | RegExp): Promise<string> {
    const done = (): boolean => {
      const text = this.#received.toString('latin1');
      return typeof end === 'string' ? text.endsWith(end) : end.test(text);
    };
    while (!done()) {
      if (this.#ended) throw new Error(`closed after ${JSON.stringify(this.#received.toString('latin1'))}`);
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')]);
    }
    const text = this.#received.toString('latin1');
    this.#received = Buffer.alloc(0);
    return text;
  }

  /** What came until the other side closed. */
  async rest(): Promise<string> {
    if (!this.#ended) await once(this.socket, 'close');
    return this.#received.toString('latin1');
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** All that a server or lease answers to `parts`, sent at once with an ECHO behind them that marks the end. */
export async function transcript(port: number, ...parts: readonly (Buffer | string)[]): Promise<string> {
  using client = await RawRedis.connect(port);
  client.send(...parts, command('ECHO', 'end-of-transcript'));
  const end = '$17\r\nend-of-transcript\r\n';
  return (await client.until(end)).slice(0, -end.length);
}

/** As `transcript`, on the rig's server itself, after a login as `user`. */
export async function direct(...parts: readonly (Buffer | string)[]): Promise<string> {
  const { port, logins } = rig().redis;
  return (await transcript(port, command('AUTH', logins.default.password), ...parts)).replace('+OK\r\n', '');
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs redis-cli, or a line of shell that calls it, with no variable of ours in its surroundings. */
export async function shell(line: string, env: Record<string, string> = {}, input = ''): Promise<Ran> {
  const child = spawn('sh', ['-c', line], { env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', ...env } });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.end(input);
  const [code]: (number | null)[] = await once(child, 'close');
  return { code: code ?? null, stdout: String(Buffer.concat(out)), stderr: String(Buffer.concat(err)) };
}
