import { randomUUID } from 'node:crypto';
import { BrokerError } from './errors.ts';

/** What a grant lets its holder do with the secrets of its subject. `via`: reach another service through it. */
export type Action = 'open' | 'http' | 'exec' | 'copy' | 'test' | 'expose' | 'via';

/** Actions that are sessions: they count for a service's `max_sessions` and end after its longest lifetime. */
export const SESSION_ACTIONS = ['open', 'exec', 'copy'] as const satisfies readonly Action[];
/** What a grant can give, and a token for everyday use gets: it uses services, and neither changes nor reveals any. */
export const EVERYDAY_ACTIONS = ['open', 'http', 'exec', 'copy'] as const satisfies readonly Action[];
export type SessionAction = (typeof SESSION_ACTIONS)[number];

/** The record whose secrets the grant opens. */
export interface GrantSubject {
  readonly collection: 'service' | 'file';
  readonly name: string;
}

/**
 * Permission, already decided and audited, to use one record's secrets for one purpose. Only a GrantAuthority makes
 * one, and the vault reveals a secret only against one that its own authority made and that is still active.
 */
export class Grant implements Disposable {
  readonly id: string = randomUUID();
  readonly subject: GrantSubject;
  readonly action: Action;
  readonly #ended = new AbortController();

  /** Use GrantAuthority.issue; a Grant constructed elsewhere is vouched for by no authority. */
  constructor(subject: GrantSubject, action: Action) {
    this.subject = subject;
    this.action = action;
  }

  /** Aborts when the grant ends, with the BrokerError that says why. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  get active(): boolean {
    return !this.#ended.signal.aborted;
  }

  /** Ends the grant: everything opened under it ends with `reason`. Idempotent. */
  revoke(reason: BrokerError): void {
    this.#ended.abort(reason);
  }

  [Symbol.dispose](): void {
    this.revoke(new BrokerError('ended', 'the grant was released'));
  }
}

/** Makes grants and recognises its own. The gate holds the only reference that can issue; the vault gets `vouches`. */
export class GrantAuthority {
  readonly #issued = new WeakSet<Grant>();

  issue(subject: GrantSubject, action: Action): Grant {
    const grant = new Grant(subject, action);
    this.#issued.add(grant);
    return grant;
  }

  /**
   * For whoever holds `grant` and was told by its record to look there: a grant of another record, which ends with it.
   * @throws BrokerError `denied` when `grant` is not good.
   */
  readonly lend = (grant: Grant, subject: GrantSubject): Grant => {
    if (!this.vouches(grant)) throw new BrokerError('denied', 'this grant has ended');
    const lent = this.issue(subject, grant.action);
    const end = (): void => lent.revoke(new BrokerError('ended', 'the grant that it was lent under has ended'));
    grant.signal.addEventListener('abort', end, { once: true, signal: lent.signal });
    return lent;
  };

  /** True for an active grant that this authority issued. */
  readonly vouches = (grant: Grant): boolean => this.#issued.has(grant) && grant.active;
}
