import type { AuditEvent } from '../core/audit.ts';
import { type AddressGuard, dial } from '../core/dial.ts';
import type { DriverIo } from '../core/driver.ts';
import { BrokerError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { digest } from '../http/chain.ts';
import { type EndpointFetch, endpointFetch } from '../http/endpoint.ts';
import { type Succession, TokenSource } from '../http/oauth.ts';
import type { Change, StoredRecord } from '../vault/vault.ts';
import { after } from './sessions/link.ts';

/** Milliseconds that a lock waits for requests to token endpoints: a rotating issuer has voided the old token already. */
const SETTLE_MS = 10_000;

export interface AccessTokenParts {
  readonly vault: { write(changes: readonly Change[]): Promise<readonly StoredRecord[]> };
  readonly audit: { record(event: AuditEvent): Promise<void> };
  /**
   * Stores the successor of a refresh token that came from a file: beside it, since the file is not broker's to change.
   * @returns false where the service's refresh token is a secret of its own.
   */
  readonly adopt: (service: string, token: Secret) => Promise<boolean>;
  /** Asked about every address of a token endpoint: the admin named it, so it may be a private one. */
  readonly guard: AddressGuard;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** For the daemon's log. */
  readonly report: (error: unknown, doing: string) => void;
}

/** OAuth2 in the daemon: the one TokenSource, its way out, and its way into the vault. */
export class AccessTokens {
  readonly #parts: AccessTokenParts;
  readonly #source: TokenSource;
  readonly fetch: EndpointFetch;

  constructor(parts: AccessTokenParts) {
    this.#parts = parts;
    this.fetch = endpointFetch((target, signal) => dial(target, parts.guard, () => undefined, signal));
    this.#source = new TokenSource({
      fetch: this.fetch,
      now: parts.now,
      rotated: (service, succession) => this.#rotated(service, succession),
      refreshed: (service, error) => this.#refreshed(service, error),
    });
  }

  /**
   * Tokens for one use of a service: a login, or a request and its repetition. It remembers which token it gave, so that a
   * fresh one is fetched only where that one was refused.
   */
  port(service: string): NonNullable<DriverIo['accessToken']> {
    let given: Buffer | undefined;
    return async (settings, { fresh }, signal) => {
      const token = await this.#source.get(service, settings, { fresh, refused: given }, signal);
      given = digest(token);
      return token;
    };
  }

  /** The service's record was changed. */
  changed(service: string): void {
    this.#source.changed(service);
  }

  /** The service was deleted. */
  drop(service: string): void {
    this.#source.drop(service);
  }

  /** Waits for the requests under way, so that what they bring is saved; at most 10 s. */
  async settle(): Promise<void> {
    let stop = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      stop = after(SETTLE_MS, resolve);
    });
    await Promise.race([this.#source.settled(), late]);
    stop();
  }

  /** Wipes every token. */
  clear(): void {
    this.#source.clear();
  }

  /** A successor of the stored refresh token; where an admin has replaced that meanwhile, the admin's stays. */
  async #rotated(service: string, { from, to }: Succession): Promise<void> {
    const event = {
      action: 'service.rotate',
      caller: { transport: 'internal' },
      service,
      detail: { secret: 'refresh_token' },
    } as const;
    try {
      await this.#parts.vault.write([
        { type: 'succeed', collection: 'service', name: service, secret: 'refresh_token', from, to },
      ]);
    } catch (error) {
      if (error instanceof BrokerError && error.code === 'conflict' && (await this.#parts.adopt(service, to))) {
        await this.#parts.audit.record({ ...event, outcome: 'ok' });
        return;
      }
      const superseded = error instanceof BrokerError && (error.code === 'conflict' || error.code === 'not_found');
      if (!superseded) {
        this.#parts.report(error, `storing the new refresh token of ${service}`);
        throw error;
      }
      const { code, message } = error;
      await this.#parts.audit.record({ ...event, outcome: 'failed', code, message });
      return;
    }
    await this.#parts.audit.record({ ...event, outcome: 'ok' });
  }

  /** Puts on record that a token endpoint was asked; metrics count it from there. Nobody's login waits for the disk. */
  #refreshed(service: string, error: BrokerError | undefined): void {
    if (error) this.#parts.report(error, `getting an access token for ${service}`);
    const event: AuditEvent = {
      action: 'oauth.refresh',
      caller: { transport: 'internal' },
      service,
      outcome: error ? 'failed' : 'ok',
      ...(error && { code: error.code, message: error.message }),
    };
    this.#parts.audit
      .record(event)
      .catch((failure: unknown) => this.#parts.report(failure, `recording a token request of ${service}`));
  }
}
