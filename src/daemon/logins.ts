import { randomUUID } from 'node:crypto';
import type { AuditEvent } from '../core/audit.ts';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import type { Grant } from '../core/grant.ts';
import { isLoginSettings } from '../core/oauth.ts';
import type { EndpointFetch } from '../http/endpoint.ts';
import type { Login, LoginResult } from '../http/login.ts';
import { auditCaller, type Caller } from './caller.ts';
import type { Services } from './services.ts';
import { after } from './sessions/link.ts';
import { secretsOf } from './sessions/secrets.ts';

/** Milliseconds from the beginning of a login to its end, and how many may be under way. */
const LOGIN_MS = 5 * 60_000;
const MAX_PENDING = 10;
/** Where an issuer may send the browser back to; the second is what vault-proxy's users have registered. */
export const CALLBACK_PATHS = ['/oauth2/callback', '/auth/oauth2/callback'] as const;

interface Pending {
  readonly id: string;
  readonly service: string;
  readonly revision: number;
  readonly starter: Caller;
  readonly login: Login;
  readonly expiresAt: number;
  readonly over: Promise<void>;
  end(): void;
  state: 'pending' | 'finishing' | 'done' | 'failed';
  error: BrokerError | undefined;
  stop: () => void;
}

export interface Begun {
  readonly id: string;
  readonly url: string;
  readonly userCode: string;
  /** Epoch ms. */
  readonly expiresAt: number;
}

export interface LoginStatus {
  readonly state: 'pending' | 'done' | 'failed';
  readonly error: BrokerError | undefined;
}

export interface LoginParts {
  readonly services: Pick<Services, 'resolve' | 'adopt'>;
  readonly admit: (caller: Caller, service: string) => Promise<Grant>;
  readonly audit: { record(event: AuditEvent): Promise<void> };
  readonly fetch: EndpointFetch;
  /** `http://127.0.0.1:8390`; undefined while broker does not listen for HTTP. */
  readonly address: () => string | undefined;
  readonly changed: (service: string) => Promise<void>;
  readonly report: (error: unknown, doing: string) => void;
}

/** Logins of users at OAuth2 issuers that are under way: begun by an admin, ended by a browser or another device. */
export class Logins {
  readonly #parts: LoginParts;
  readonly #pending = new Map<string, Pending>();

  constructor(parts: LoginParts) {
    this.#parts = parts;
  }

  /**
   * Begins a login for a service.
   * @throws BrokerError the gate's; `invalid_argument` for a service that has no such login; `exhausted`; `upstream_*`.
   */
  async begin(caller: Caller, service: string, device: boolean, redirectUri: string): Promise<Begun> {
    using grant = await this.#parts.admit(caller, service);
    const resolved = this.#parts.services.resolve(grant);
    using _ = secretsOf(resolved.config);
    if (!isLoginSettings(resolved.config))
      throw new BrokerError(
        'invalid_argument',
        `${service}: services of the kind ${resolved.kind} have no OAuth2 login`,
      );
    if (this.#live().length >= MAX_PENDING)
      throw new BrokerError('exhausted', `${MAX_PENDING} logins are under way; one of them has to end first`);
    const back = device ? '' : this.#redirect(redirectUri);
    // Loaded when first wanted, like the library behind it.
    const { Login } = await import('../http/login.ts');
    try {
      const login = await Login.prepare(this.#parts.fetch, resolved.config);
      const code = device ? await login.deviceCode() : undefined;
      const url = code?.url ?? (await login.authorizationUrl(back));
      const lifeMs = Math.min(LOGIN_MS, (code?.expiresInSeconds ?? Number.POSITIVE_INFINITY) * 1000);
      const pending = this.#add(caller, service, resolved.revision, login, lifeMs);
      if (code) this.#poll(pending);
      return { id: pending.id, url, userCode: code?.userCode ?? '', expiresAt: pending.expiresAt };
    } catch (error) {
      throw toBrokerError(error).forService(service);
    }
  }

  /**
   * How a login stands, for who began it; waits for its end.
   * @throws BrokerError `not_found`, for others too.
   */
  async status(caller: Caller, id: string, waitMs: number, signal: AbortSignal): Promise<LoginStatus> {
    const pending = this.#pending.get(id);
    if (!pending || pending.starter.token?.id !== caller.token?.id)
      throw new BrokerError('not_found', 'there is no such login of yours');
    if (isLive(pending) && waitMs > 0) {
      let wake = (): void => undefined;
      const late = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const stop = after(waitMs, wake);
      signal.addEventListener('abort', wake, { once: true });
      await Promise.race([pending.over, late]);
      signal.removeEventListener('abort', wake);
      stop();
    }
    return { state: pending.state === 'finishing' ? 'pending' : pending.state, error: pending.error };
  }

  /**
   * A browser came back. Each state is good once.
   * @throws BrokerError `not_found` for a state that is unknown, used or too old; `denied` for a browser of another user
   * than the one that began; what the login failed with.
   */
  async callback(caller: Caller, query: URLSearchParams): Promise<void> {
    const state = query.get('state') ?? '';
    const pending = this.#live().find(({ login, state: at }) => at === 'pending' && login.state === state);
    if (!pending) throw new BrokerError('not_found', 'this login is not known here: it has ended, or took too long');
    const [starter, browser] = [pending.starter.peer?.uid, caller.peer?.uid];
    if (starter !== undefined && starter !== 0 && browser !== undefined && browser !== starter)
      throw new BrokerError('denied', 'another user has begun this login');
    pending.state = 'finishing';
    await this.#settle(pending, async () => await pending.login.finish(query));
    if (pending.error) throw pending.error;
  }

  /** Ends all of them: the vault is locked, or the daemon stops. */
  clear(): void {
    for (const pending of this.#live()) this.#end(pending, new BrokerError('ended', 'the vault was locked'));
    for (const { stop } of this.#pending.values()) stop();
    this.#pending.clear();
  }

  #live(): Pending[] {
    return [...this.#pending.values()].filter(isLive);
  }

  #redirect(asked: string): string {
    const own = this.#parts.address();
    if (asked === '') {
      if (own?.startsWith('http')) return `${own}${CALLBACK_PATHS[0]}`;
      throw new BrokerError('unavailable', 'broker does not listen for HTTP, so no browser can come back', {
        hint: 'broker oauth login --device, or start the daemon with --http',
      });
    }
    const url = URL.canParse(asked) ? new URL(asked) : undefined;
    const local = url !== undefined && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
    if (local && url.search === '' && url.hash === '' && CALLBACK_PATHS.some((path) => path === url.pathname))
      return asked;
    throw new BrokerError(
      'invalid_argument',
      `redirect_uri must be a loopback URL with ${CALLBACK_PATHS.join(' or ')}`,
    );
  }

  #add(starter: Caller, service: string, revision: number, login: Login, lifeMs: number): Pending {
    let over = (): void => undefined;
    const pending: Pending = {
      id: randomUUID(),
      service,
      revision,
      starter,
      login,
      expiresAt: Date.now() + lifeMs,
      over: new Promise((resolve) => {
        over = resolve;
      }),
      end: () => over(),
      state: 'pending',
      error: undefined,
      stop: () => undefined,
    };
    this.#pending.set(pending.id, pending);
    pending.stop = after(lifeMs, () => {
      if (isLive(pending)) this.#end(pending, new BrokerError('client_timeout', 'nobody has logged in in time'));
    });
    return pending;
  }

  #poll(pending: Pending): void {
    const stop = after(pending.login.intervalSeconds * 1000, () => {
      if (pending.state !== 'pending') return;
      pending.login.poll().then(
        (result) => {
          if (pending.state !== 'pending') return;
          if (!result) this.#poll(pending);
          else void this.#settle(pending, async () => result);
        },
        (error: unknown) => {
          if (pending.state === 'pending') void this.#settle(pending, () => Promise.reject(error));
        },
      );
    });
    void pending.over.then(stop);
  }

  /** Never rejects: the login's end is what it came to. */
  async #settle(pending: Pending, work: () => Promise<LoginResult>): Promise<void> {
    const { service, starter } = pending;
    const event = { action: 'oauth.login', caller: auditCaller(starter), service };
    try {
      const { refreshToken, tokenUrl } = await work();
      using _ = refreshToken;
      if (!isLive(pending)) return;
      await this.#parts.services.adopt(service, refreshToken, { tokenUrl, ifRevision: pending.revision });
      await this.#parts.changed(service);
      await this.#parts.audit.record({ ...event, outcome: 'ok' });
      this.#end(pending, undefined);
    } catch (thrown) {
      const error = toBrokerError(thrown).forService(service);
      this.#parts.report(thrown, `the OAuth2 login for ${service}`);
      if (isLive(pending)) this.#end(pending, error);
      const { code, message } = error;
      await this.#parts.audit
        .record({ ...event, outcome: 'failed', code, message })
        .catch((failure: unknown) => this.#parts.report(failure, 'recording a login'));
    }
  }

  /** What it came to stays to be asked for until the login's time is over. */
  #end(pending: Pending, error: BrokerError | undefined): void {
    pending.state = error ? 'failed' : 'done';
    pending.error = error;
    pending.login[Symbol.dispose]();
    pending.stop();
    pending.stop = after(LOGIN_MS, () => this.#pending.delete(pending.id));
    pending.end();
  }
}

function isLive({ state }: Pending): boolean {
  return state === 'pending' || state === 'finishing';
}
