import type { Socket } from 'node:net';
import type { JsonObject } from '../../src/core/json.ts';
import { Secret } from '../../src/core/secret.ts';
import type { RedisConfig } from '../../src/drivers/redis/config.ts';
import { redis } from '../../src/drivers/redis/driver.ts';
import { FakeServer } from './listener.ts';

/*
 * A Redis server as far as a session needs one: requirepass, databases, RESET, and ECHO. Written from the protocol's
 * specification, not from the driver's own codec. `answers` makes it a hostile one.
 */

const OK = '+OK\r\n';

/** What is said to a command, by its name in lower case; `end` hangs up behind it. */
type Answer = string | Buffer | { readonly say: string | Buffer; readonly end: true };

interface Client {
  loggedIn: boolean;
  db: number;
}

export class RedisServer extends FakeServer {
  /** Said instead of the true answer. */
  readonly answers = new Map<string, Answer>();
  /** Every command that came, its arguments joined by a space. */
  readonly commands: string[] = [];

  static async start(password = 'upstream-password'): Promise<RedisServer> {
    return new RedisServer(await FakeServer.listening(), password);
  }

  /** A service that points here, with the right password but for what is said. */
  config(fields: JsonObject = {}, password = this.password): RedisConfig {
    const secrets = new Map(password === '' ? [] : [['password', Secret.fromText(password)] as const]);
    return redis.config.parse({ host: '127.0.0.1', port: this.port, ...fields }, secrets);
  }

  protected override connection(socket: Socket): void {
    socket.on('end', () => socket.end());
    const client: Client = { loggedIn: false, db: 0 };
    let pending = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      if (!client.loggedIn) this.received = Buffer.concat([this.received, chunk]);
      pending = Buffer.concat([pending, chunk]);
      for (let parsed = parse(pending); parsed && socket.writable; parsed = parse(pending)) {
        pending = pending.subarray(parsed.length);
        this.commands.push(parsed.args.join(' '));
        if (this.behaviour !== 'silent') this.#answer(socket, client, parsed.args);
      }
      this.changed();
    });
  }

  #answer(socket: Socket, client: Client, args: readonly string[]): void {
    const [name = '', ...rest] = args;
    const said = this.answers.get(name.toLowerCase()) ?? this.#true(client, name.toLowerCase(), rest);
    if (typeof said === 'string' || Buffer.isBuffer(said)) socket.write(said);
    else socket.end(said.say);
  }

  #true(client: Client, name: string, args: readonly string[]): Answer {
    const open = this.behaviour === 'downgrade';
    if (name === 'auth') {
      client.loggedIn = args.at(-1) === this.password;
      return client.loggedIn ? OK : '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
    }
    if (name === 'reset') {
      Object.assign(client, { loggedIn: false, db: 0 });
      return '+RESET\r\n';
    }
    const known = ['ping', 'echo', 'select', 'db', 'finish', 'acl'].includes(name);
    if (!known) return `-ERR unknown command '${[name, ...args][0]?.slice(0, 128)}', with args beginning with: \r\n`;
    if (!client.loggedIn && !open) return '-NOAUTH Authentication required.\r\n';
    if (name === 'echo') return `$${Buffer.byteLength(args[0] ?? '')}\r\n${args[0]}\r\n`;
    if (name === 'acl') return "-NOPERM this user has no permissions to run the 'acl|getuser' command\r\n";
    if (name === 'finish') return { say: '+last words\r\n', end: true };
    if (name === 'db') return `:${client.db}\r\n`;
    if (name === 'select') client.db = Number(args[0]);
    return name === 'select' ? OK : '+PONG\r\n';
  }
}

/** The command at the beginning of `bytes`; undefined when it is not complete. */
function parse(bytes: Buffer): { readonly args: string[]; readonly length: number } | undefined {
  const line = (at: number): { value: number; next: number } | undefined => {
    const end = bytes.indexOf('\r\n', at);
    return end < 0 ? undefined : { value: Number(bytes.toString('latin1', at + 1, end)), next: end + 2 };
  };
  const head = line(0);
  if (!head) return undefined;
  const args: string[] = [];
  let at = head.next;
  while (args.length < head.value) {
    const length = line(at);
    if (!length || bytes.length < length.next + length.value + 2) return undefined;
    args.push(bytes.toString('utf8', length.next, length.next + length.value));
    at = length.next + length.value + 2;
  }
  return { args, length: at };
}
