import type { ServerResponse } from 'node:http';
import { BrokerError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Caller } from '../caller.ts';
import type { ConnectionFacts } from '../grpc/peers.ts';
import type { Tokens } from '../tokens.ts';
import type { RouteAuth } from './routes.ts';

/** A token as the request carries it. */
export interface Presented {
  readonly token: string | undefined;
  /** A place where something was that is no token of broker's, for the refusal to name. */
  readonly mistaken: string | undefined;
  /** The raw target without the token. */
  readonly target: string;
}

export interface CallerDeps {
  readonly tokens: Pick<Tokens, 'authenticate'>;
  readonly vaultState: () => 'absent' | 'locked' | 'unlocked';
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What is known of a connection, kept from one request on it to the next. */
export interface Connection {
  readonly facts: ConnectionFacts;
  /** Who came last, and with which token: clients keep their connections, and so need not be looked up each time. */
  last?: { readonly token: string; readonly caller: Caller };
  /** The last of its answers, over or not. */
  answer?: ServerResponse;
}

/** Headers that SDKs put a key in. */
const KEY_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'private-token',
  'x-broker-token',
]);
/** A token, behind the prefix that a vendor's tool may insist on (`sk-ant-`). */
const TOKEN = /^(?:[A-Za-z0-9_.-]*[-_.])?(brk_[a-z2-7]{10}_[A-Za-z0-9_-]{43})$/;
const MAX_KEY_CHARS = 300;
const HINT =
  'send a broker token as Authorization: Bearer TOKEN, as the password of Basic, or as X-Broker-Token, x-api-key, api-key, x-goog-api-key or private-token';

/**
 * Finds the caller's token wherever an SDK can put a key; several places may hold the same one.
 * @param rawHeaders flat list of names and values, as Node gives it.
 * @throws BrokerError `invalid_argument` when there are two different ones.
 */
export function presentedToken(rawHeaders: readonly string[], target: string): Presented {
  let token: string | undefined;
  let mistaken: string | undefined;
  const found = (candidate: string | undefined, where: string): void => {
    if (candidate === undefined) mistaken ??= where;
    else if (token !== undefined && token !== candidate)
      throw new BrokerError('invalid_argument', 'the request carries two different broker tokens', { hint: HINT });
    else token = candidate;
  };
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    if (!KEY_HEADERS.has(name)) continue;
    const value = rawHeaders[at + 1] ?? '';
    found(name === 'authorization' ? fromAuthorization(value) : tokenIn(value), name);
  }
  const query = target.indexOf('?');
  if (query < 0 || !target.includes('key=', query)) return { token, mistaken, target };
  const kept = target
    .slice(query + 1)
    .split('&')
    .filter((pair) => {
      const key = pair.startsWith('key=') ? tokenIn(pair.slice('key='.length)) : undefined;
      if (key !== undefined) found(key, '?key=');
      return key === undefined;
    });
  return { token, mistaken, target: target.slice(0, query) + (kept.length > 0 ? `?${kept.join('&')}` : '') };
}

/** Who a connection's requests come from. */
export class Callers {
  readonly #deps: CallerDeps;

  constructor(deps: CallerDeps) {
    this.#deps = deps;
  }

  /** The caller without a token: what the kernel says of the connection. */
  async anonymous({ facts }: Connection): Promise<Caller> {
    const peer = await facts.peer;
    return {
      transport: 'http',
      origin: peer ? `uid:${peer.uid}` : `http:${facts.remoteAddress}`,
      ...(peer && { peer }),
    };
  }

  /**
   * The caller of the connection's last request, if this one presents the same token and that still holds.
   * @throws BrokerError `denied`.
   */
  known({ last }: Connection, { token }: Presented, auth: RouteAuth): Caller | undefined {
    if (last === undefined || last.token !== token || this.#deps.vaultState() !== 'unlocked') return undefined;
    return this.#isGood(last.caller) ? demand(last.caller, auth) : undefined;
  }

  /**
   * The caller with the token that it presents, checked against what the route demands.
   * @throws BrokerError `locked`, `unauthenticated`, `denied`.
   */
  async authenticate(connection: Connection, presented: Presented, auth: RouteAuth): Promise<Caller> {
    const known = this.known(connection, presented, auth);
    if (known) return known;
    const state = this.#deps.vaultState();
    const anonymous = await this.anonymous(connection);
    if (state !== 'unlocked') {
      throw state === 'locked'
        ? new BrokerError('locked', 'the vault is locked', { hint: 'to unlock it: broker unlock' })
        : new BrokerError('locked', 'there is no vault yet', { hint: 'to create one: broker up' });
    }
    if (presented.token === undefined) {
      const what = presented.mistaken
        ? `what came in ${presented.mistaken} is not a broker token`
        : 'this needs a broker token';
      throw new BrokerError('unauthenticated', what, { hint: HINT });
    }
    using secret = Secret.fromText(presented.token);
    const uid = anonymous.peer?.uid;
    const token = this.#deps.tokens.authenticate(secret, { transport: 'http', ...(uid !== undefined && { uid }) });
    const caller: Caller = { ...anonymous, token };
    connection.last = { token: presented.token, caller };
    return demand(caller, auth);
  }

  #isGood({ token }: Caller): boolean {
    if (!token || token.signal.aborted) return false;
    return token.expiresAt === undefined || token.expiresAt > this.#deps.now();
  }
}

function demand(caller: Caller, auth: RouteAuth): Caller {
  if (auth !== 'admin' || caller.token?.scope === 'admin') return caller;
  throw new BrokerError('denied', 'this needs an admin token', { hint: 'broker token create --scope admin' });
}

/** The token of `Bearer TOKEN`, of `Basic` as password, or as user name where the password is empty. */
function fromAuthorization(value: string): string | undefined {
  const match = /^(bearer|token|basic) +(\S+)$/i.exec(value);
  const credentials = match?.[2];
  if (credentials === undefined) return undefined;
  if (match?.[1]?.toLowerCase() !== 'basic') return tokenIn(credentials);
  const pair = Buffer.from(credentials, 'base64').toString('latin1');
  const colon = pair.indexOf(':');
  if (colon < 0) return undefined;
  return tokenIn(colon === pair.length - 1 ? pair.slice(0, colon) : pair.slice(colon + 1));
}

function tokenIn(value: string): string | undefined {
  return value.length > MAX_KEY_CHARS ? undefined : TOKEN.exec(value)?.[1];
}
