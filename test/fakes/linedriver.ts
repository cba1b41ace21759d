import { isIP } from 'node:net';
import { configSpec } from '../../src/core/config.ts';
import type { Conn } from '../../src/core/conn.ts';
import type { Arrival, Door, Driver, DriverIo, OpenParams, Upstream, Visitor } from '../../src/core/driver.ts';
import { BrokerError, throwIfAborted, toBrokerError } from '../../src/core/errors.ts';
import { port, secret, text } from '../../src/core/field.ts';
import { relay, type SessionEnd } from '../../src/core/relay.ts';
import { Secret } from '../../src/core/secret.ts';

/*
 * A whole driver for the smallest protocol that has everything a session needs: a login with parameters, facts that
 * the server states, a key for side connections, refusals in its own words. One line per message.
 *
 *   upstream:                                < HI strong       |  HI weak
 *              > LOGIN password[;k=v...]     < +OK key facts   |  -ERR code text
 *              > PING                        < +PONG
 *   local:     > HELLO [ticket][;k=v...]     < +HELLO facts    |  -ERR text
 *              > CANCEL key                  (side connection)
 *   after the login it is bytes both ways.
 */

const LINE = 1_000;

export const lineConfig = configSpec({
  host: text({ doc: 'Host', required: true, redirects: true }),
  port: port({ doc: 'Port', required: true as const }),
  password: secret({ doc: 'Password', required: true }),
  spares: port({ doc: 'Spares' }),
});
export interface LineConfig {
  readonly host: string;
  readonly port: number;
  readonly password: Secret;
  readonly spares?: number | undefined;
}

class LineUpstream implements Upstream<string> {
  readonly facts: string;
  readonly params: OpenParams;
  readonly #conn: Conn;
  readonly #key: string;
  readonly #io: DriverIo;
  readonly #config: LineConfig;

  constructor(conn: Conn, key: string, facts: string, params: OpenParams, io: DriverIo, config: LineConfig) {
    this.#conn = conn;
    this.#key = key;
    this.facts = facts;
    this.params = params;
    this.#io = io;
    this.#config = config;
  }

  async serve(visitor: Visitor, idleMs: number, signal: AbortSignal): Promise<SessionEnd> {
    try {
      await visitor.conn.write(Buffer.from(`+HELLO ${this.facts} ${this.#key}\n`), signal);
    } catch (error) {
      visitor.conn.destroy();
      return { outcome: 'error', side: 'client', error: toBrokerError(error), bytesUp: 0, bytesDown: 0 };
    }
    const farewell = (reason: BrokerError): Buffer => Buffer.from(`-ERR ${reason.message}\n`);
    const { socket } = this.#conn;
    const end = await relay(visitor.conn, this.#conn, { idleMs, farewell }, signal);
    socket.destroy();
    return end;
  }

  async side(request: unknown, signal: AbortSignal): Promise<boolean> {
    if (request !== this.#key) return false;
    const conn = await this.#io.redial(this.#config, signal);
    await conn.finish(Buffer.from(`CANCEL ${this.#key}\n`), 1_000);
    return true;
  }

  async alive(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#conn.write(Buffer.from('PING\n'), signal);
      return (await this.#conn.line(LINE, signal)).toString() === '+PONG\n';
    } catch {
      return false;
    }
  }

  /** As real drivers do, waits until the server has closed too: only then has it a place for another connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#conn.socket.destroyed) return;
    await this.#conn.finish(Buffer.alloc(0), 1_000);
  }
}

export const lineDriver: Driver<LineConfig, string> = {
  kind: 'line',
  title: 'Line',
  config: lineConfig,
  socketName: 'line.sock',
  spares: (config) => config.spares ?? 0,
  describe: (config) => `Line at ${isIP(config.host) === 6 ? `[${config.host}]` : config.host}:${config.port}`,
  async open(config, params, io, signal) {
    const { conn } = await io.dial(config, signal);
    try {
      if ((await conn.line(LINE, signal)).toString() !== 'HI strong\n')
        throw new BrokerError('upstream_auth', 'offers only a weaker login', { hop: 'auth' });
      const login = config.password.use((bytes) => `LOGIN ${bytes.toString('utf8')}${formatParams(params)}\n`);
      await conn.write(Buffer.from(login), signal);
      const answer = (await conn.line(LINE, signal)).toString().trimEnd();
      throwIfAborted(signal);
      const [, key, facts] = /^\+OK (\S+) (.*)$/.exec(answer) ?? [];
      if (key !== undefined && facts !== undefined)
        return new LineUpstream(conn, key, facts, params, io, { ...config });
      const [, code = 'none', why = 'no'] = /^-ERR (\S+) (.*)$/.exec(answer) ?? [];
      throw new BrokerError(code === 'auth' ? 'upstream_auth' : 'upstream_refused', `Line refused: ${why}`, {
        hop: 'auth',
        upstreamCode: code,
      });
    } catch (error) {
      conn.destroy();
      throw error;
    }
  },
  async greet(conn, _facts, door, signal): Promise<Arrival> {
    const refuse = async (error: BrokerError): Promise<Arrival> => {
      await conn.finish(Buffer.from(`-ERR ${error.message}\n`), 1_000);
      return { type: 'refused', error };
    };
    try {
      const first = (await conn.line(LINE, signal)).toString().trimEnd();
      if (first.startsWith('CANCEL ')) return await side(conn, first.slice(7), door, refuse);
      const [, ticket = '', params = ''] = /^HELLO ?([^;]*)(.*)$/.exec(first) ?? [];
      if (!first.startsWith('HELLO')) return await refuse(conn.protocolError('did not say HELLO'));
      const refused = await door.admit(ticket === '' ? undefined : Secret.fromText(ticket));
      if (refused) return await refuse(refused);
      return {
        type: 'client',
        visitor: { conn, params: parseParams(params), refuse: async (error) => void (await refuse(error)) },
      };
    } catch (thrown) {
      const error = toBrokerError(thrown);
      if (error.code !== 'client_gone') return refuse(error);
      conn.destroy();
      return { type: 'gone' };
    }
  },
  hint: (lease) => ({
    url: `line://${lease.ticket ? `:${lease.ticket}@` : ''}${lease.path ?? `${lease.host}:${lease.port}`}`,
    env: {},
    unset: [],
    example: 'nc',
  }),
};

async function side(
  conn: Conn,
  request: string,
  door: Door,
  refuse: (error: BrokerError) => Promise<Arrival>,
): Promise<Arrival> {
  const refused = await door.admitSide();
  return refused ? refuse(refused) : { type: 'side', conn, request };
}

export function formatParams(params: OpenParams): string {
  return [...params].map(([name, value]) => `;${name}=${value}`).join('');
}

function parseParams(line: string): OpenParams {
  const pairs = line.split(';').filter((part) => part !== '');
  return new Map(pairs.map((part): [string, string] => [part.split('=')[0] ?? '', part.split('=')[1] ?? '']));
}
