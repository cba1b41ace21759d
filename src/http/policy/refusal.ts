import { BrokerError } from '../../core/errors.ts';
import type { Refused } from './rules.ts';

/** A request that the limits do not let pass, as an error: its message names whose limit it was already. */
export class RequestRefused extends BrokerError {
  /** For the audit log. */
  readonly rule: string;
  /** Seconds, for Retry-After; undefined where waiting does not help. */
  readonly retryAfter: number | undefined;

  constructor({ code, message, rule, retryAfter }: Refused) {
    super(code, message);
    this.rule = rule;
    this.retryAfter = retryAfter;
  }

  override forService(): BrokerError {
    return this;
  }
}
