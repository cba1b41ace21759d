import { createHash, createPrivateKey, sign } from 'node:crypto';
import { BrokerError, throwIfAborted, toBrokerError } from '../core/errors.ts';
import { isTokenUrl, type OAuthSettings } from '../core/oauth.ts';
import { quoteServer } from '../core/quote.ts';
import { Secret } from '../core/secret.ts';
import { parseServiceAccount } from './serviceaccount.ts';

/** Milliseconds for one request to a token endpoint. */
const REQUEST_MS = 15_000;
/** Bytes of an answer of a token endpoint; the value is accepted. */
const MAX_ANSWER_BYTES = 65_536;
/** Seconds before its end from which a token is not handed out any more: the login that follows takes a while. */
const MARGIN_SECONDS = 60;
/** Seconds a token lives whose issuer does not say (RFC 6749 §5.1 leaves it out as an option). */
const UNKNOWN_LIFE_SECONDS = 300;
/** Seconds that a service account's assertion is good for. */
const ASSERTION_SECONDS = 300;

export interface TokenDeps {
  readonly fetch: typeof fetch;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /**
   * Stores a refresh token that replaces the service's one, before the access token that came with it is used: with a
   * rotating issuer the old one is void. Must be on disk when it resolves.
   */
  readonly rotated: (service: string, refreshToken: Secret) => Promise<void>;
}

/** What is known of one service's way to tokens. Other settings start anew. */
interface Chain {
  readonly print: string;
  /** Digests of the refresh token that the chain began with, and of the ones that replaced it. */
  readonly known: string[];
  /** A refresh token newer than the one that whoever opened the record earlier still holds. */
  newer: { readonly token: Secret; stored: boolean } | undefined;
  token: Secret | undefined;
  expiresAt: number;
  running: Promise<Secret> | undefined;
}

/** Refresh tokens of one chain whose holders may still be about. */
const MAX_KNOWN = 8;

interface Grant {
  readonly token: Secret;
  readonly expiresInSeconds: number;
  readonly refreshToken: Secret | undefined;
}

/**
 * Access tokens of all services, each fetched once however many ask at the same time (RFC 6749 §6, RFC 7523 §2.1). It
 * holds secrets: `clear` wipes them when the vault is locked.
 */
export class TokenSource {
  readonly #deps: TokenDeps;
  readonly #chains = new Map<string, Chain>();

  constructor(deps: TokenDeps) {
    this.#deps = deps;
  }

  /**
   * A token of `service` that is good for another minute at least; the caller disposes it.
   * @param options.fresh true when the server refused the one that is kept.
   * @throws BrokerError `upstream_auth` when the issuer refuses, `upstream_unreachable`, `upstream_protocol`,
   * `invalid_argument` for a bad key file, `unavailable` when a rotated refresh token cannot be stored.
   */
  async get(
    service: string,
    settings: OAuthSettings,
    options: { readonly fresh: boolean },
    signal: AbortSignal,
  ): Promise<Secret> {
    throwIfAborted(signal);
    const chain = this.#chain(service, settings);
    const good = chain.token && chain.expiresAt - MARGIN_SECONDS * 1000 > this.#deps.now();
    if (chain.token && good && !options.fresh) return chain.token.clone();
    chain.running ??= this.#fetch(service, chain, settings).finally(() => {
      chain.running = undefined;
    });
    // A rotating issuer has voided the old token by the time it answers: the request goes on when its caller leaves.
    return (await unlessAborted(chain.running, signal)).clone();
  }

  /** Resolves when no request is under way: a lock waits for it, bounded by its own timeout, before it wipes. */
  async settled(): Promise<void> {
    await Promise.allSettled(Array.from(this.#chains.values(), (chain) => chain.running));
  }

  /** Wipes everything. */
  clear(): void {
    for (const chain of this.#chains.values()) wipe(chain);
    this.#chains.clear();
  }

  #chain(service: string, settings: OAuthSettings): Chain {
    const print = fingerprint(settings);
    const start = settings.type === 'refresh_token' ? digest(settings.refreshToken) : '';
    const current = this.#chains.get(service);
    if (current?.print === print && current.known.includes(start)) return current;
    if (current) wipe(current);
    const chain = { print, known: [start], newer: undefined, token: undefined, expiresAt: 0, running: undefined };
    this.#chains.set(service, chain);
    return chain;
  }

  async #fetch(service: string, chain: Chain, settings: OAuthSettings): Promise<Secret> {
    // Copies: the caller's secrets are wiped when its own call is over.
    using own = ownSecrets(settings);
    if (chain.newer) await this.#store(service, chain.newer);
    const grant = await this.#request(own.settings, chain.newer?.token);
    if (grant.refreshToken) {
      chain.newer?.token[Symbol.dispose]();
      chain.newer = { token: grant.refreshToken, stored: false };
      chain.known.push(digest(grant.refreshToken));
      if (chain.known.length > MAX_KNOWN) chain.known.shift();
      await this.#store(service, chain.newer);
    }
    chain.token?.[Symbol.dispose]();
    chain.token = grant.token;
    chain.expiresAt = this.#deps.now() + grant.expiresInSeconds * 1000;
    return grant.token;
  }

  async #request(settings: OAuthSettings, newer: Secret | undefined): Promise<Grant> {
    if (settings.type === 'service_account') {
      const account = settings.key.use((bytes) => parseServiceAccount(bytes));
      const url = settings.tokenUrl ?? account.tokenUrl;
      const now = Math.floor(this.#deps.now() / 1000);
      const claims = {
        iss: account.email,
        aud: url,
        iat: now,
        exp: now + ASSERTION_SECONDS,
        ...(settings.scope !== undefined && { scope: settings.scope }),
        ...(settings.subject !== undefined && { sub: settings.subject }),
      };
      const assertion = signed(
        { alg: 'RS256', typ: 'JWT', ...(account.keyId && { kid: account.keyId }) },
        claims,
        account.key,
      );
      const form = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
      return await this.#post(url, form, [settings.key]);
    }
    const refreshToken = newer ?? settings.refreshToken;
    const form = {
      grant_type: 'refresh_token',
      refresh_token: text(refreshToken),
      client_id: settings.clientId,
      ...(settings.clientSecret && { client_secret: text(settings.clientSecret) }),
      ...(settings.scope !== undefined && { scope: settings.scope }),
    };
    return await this.#post(settings.tokenUrl, form, [refreshToken, settings.clientSecret]);
  }

  async #store(service: string, newer: { readonly token: Secret; stored: boolean }): Promise<void> {
    if (newer.stored) return;
    try {
      await this.#deps.rotated(service, newer.token);
      newer.stored = true;
    } catch (cause) {
      throw new BrokerError('unavailable', 'the new refresh token cannot be stored', { hop: 'auth', cause });
    }
  }

  async #post(url: string, form: Record<string, string>, secrets: readonly (Secret | undefined)[]): Promise<Grant> {
    if (!isTokenUrl(url))
      throw new BrokerError('invalid_argument', 'token_url must be an https URL', { hop: 'config' });
    const where = `the token endpoint ${new URL(url).host}`;
    let response: Response;
    let body: string;
    try {
      response = await this.#deps.fetch(url, {
        method: 'POST',
        headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(form).toString(),
        redirect: 'manual',
        signal: AbortSignal.timeout(REQUEST_MS),
      });
      body = await readBounded(response, where);
    } catch (cause) {
      if (cause instanceof BrokerError) throw cause;
      throw new BrokerError('upstream_unreachable', `${where} cannot be reached`, { hop: 'auth', cause });
    }
    const answer = parseAnswer(body);
    if (!response.ok || answer?.access_token === undefined) {
      const why = answer?.error === undefined ? `HTTP ${response.status}` : describeError(answer, secrets);
      const temporary = response.status >= 500 || response.status === 429;
      throw new BrokerError(temporary ? 'upstream_refused' : 'upstream_auth', `${where} gives out no token: ${why}`, {
        hop: 'auth',
        ...(answer?.error === 'invalid_grant' && {
          hint: 'the permission was withdrawn or has expired; get a new refresh token: broker service set {service} --refresh-token-stdin',
        }),
      });
    }
    return {
      token: Secret.fromText(answer.access_token),
      expiresInSeconds: answer.expires_in ?? UNKNOWN_LIFE_SECONDS,
      refreshToken: answer.refresh_token === undefined ? undefined : Secret.fromText(answer.refresh_token),
    };
  }
}

interface Answer {
  readonly access_token?: string;
  readonly refresh_token?: string;
  readonly expires_in?: number;
  readonly error?: string;
  readonly error_description?: string;
}

/** What of a token endpoint's JSON has the right type (RFC 6749 §5); undefined for no JSON object. */
function parseAnswer(body: string): Answer | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const entries = Object.entries(parsed);
  const string = (name: string): string | undefined =>
    entries.flatMap(([key, value]) => (key === name && typeof value === 'string' && value !== '' ? [value] : []))[0];
  const seconds = Number(entries.find(([key]) => key === 'expires_in')?.[1]);
  const names = ['access_token', 'refresh_token', 'error', 'error_description'] as const;
  const answer: { -readonly [K in keyof Answer]: Answer[K] } = {};
  for (const name of names) {
    const value = string(name);
    if (value !== undefined) answer[name] = value;
  }
  if (Number.isFinite(seconds) && seconds > 0) answer.expires_in = seconds;
  return answer;
}

function describeError(answer: Answer, secrets: readonly (Secret | undefined)[]): string {
  const said = quoteServer([answer.error, answer.error_description].filter(Boolean).join(': '), secrets);
  return `"${said}"`;
}

async function readBounded(response: Response, where: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES)
      throw new BrokerError('upstream_protocol', `${where} sent more than ${MAX_ANSWER_BYTES} bytes`, { hop: 'auth' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function signed(header: object, claims: object, key: Secret): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const message = `${part(header)}.${part(claims)}`;
  try {
    const signature = key.use((pem) => sign('sha256', Buffer.from(message), createPrivateKey(pem)));
    return `${message}.${signature.toString('base64url')}`;
  } catch (cause) {
    throw new BrokerError('invalid_argument', 'service_account has a private_key that cannot be used', {
      hop: 'config',
      cause,
    });
  } finally {
    key[Symbol.dispose]();
  }
}

/** A form is text: for the length of one request the secret is, too. */
function text(secret: Secret): string {
  return secret.use((bytes) => bytes.toString('utf8'));
}

function ownSecrets(settings: OAuthSettings): Disposable & { readonly settings: OAuthSettings } {
  const copies: Secret[] = [];
  const own = (secret: Secret): Secret => {
    const copy = secret.clone();
    copies.push(copy);
    return copy;
  };
  const copied: OAuthSettings =
    settings.type === 'service_account'
      ? { ...settings, key: own(settings.key) }
      : {
          ...settings,
          refreshToken: own(settings.refreshToken),
          clientSecret: settings.clientSecret && own(settings.clientSecret),
        };
  return { settings: copied, [Symbol.dispose]: () => copies.forEach((copy) => void copy[Symbol.dispose]()) };
}

function wipe(chain: Chain): void {
  chain.token?.[Symbol.dispose]();
  chain.newer?.token[Symbol.dispose]();
}

/** Of everything but the refresh token, which may be replaced on the way. */
function fingerprint(settings: OAuthSettings): string {
  const hash = createHash('sha256');
  const parts =
    settings.type === 'service_account'
      ? [digest(settings.key), settings.subject, settings.scope, settings.tokenUrl]
      : [settings.tokenUrl, settings.clientId, settings.clientSecret && digest(settings.clientSecret), settings.scope];
  return hash.update(JSON.stringify([settings.type, ...parts])).digest('base64');
}

function digest(secret: Secret): string {
  return secret.use((bytes) => createHash('sha256').update(bytes).digest('base64'));
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(toBrokerError(signal.reason));
  });
  signal.addEventListener('abort', abort, { once: true });
  return await Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', abort));
}
