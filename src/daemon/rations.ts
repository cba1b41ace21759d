import { createHmac, randomBytes } from 'node:crypto';
import { BrokerError } from '../core/errors.ts';

/** New values that somebody may ask about at once, and how many more each minute brings. */
export const RATION = 4_000;
export const RATION_PER_MINUTE = 30;
/** Values remembered for each. */
const MAX_REMEMBERED = 100_000;
const MINUTE_MS = 60_000;

interface Account {
  readonly seen: Set<string>;
  left: number;
  at: number;
}

/**
 * Rations questions of the form "is this a secret?", which asked often enough are guessing. The same environment asked
 * about again and again costs nothing; values that were not asked about before do.
 */
export class Rations {
  readonly #now: () => number;
  /** So that what is remembered says nothing about the values. */
  readonly #key = randomBytes(32);
  readonly #accounts = new Map<string, Account>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * @param who the root of a family of tokens: children must not multiply the ration.
   * @throws BrokerError `exhausted` when it does not suffice; nothing is taken from it then.
   */
  take(who: string, values: readonly Uint8Array[]): void {
    const now = this.#now();
    const account = this.#accounts.get(who) ?? { seen: new Set(), left: RATION, at: now };
    this.#accounts.set(who, account);
    account.left = Math.min(RATION, account.left + ((now - account.at) / MINUTE_MS) * RATION_PER_MINUTE);
    account.at = now;
    const fresh = new Set(values.map((value) => this.#mark(value)).filter((mark) => !account.seen.has(mark)));
    if (fresh.size > account.left) {
      const minutes = Math.ceil((fresh.size - account.left) / RATION_PER_MINUTE);
      throw new BrokerError('exhausted', `too many values were asked about that were not asked about before`, {
        hint: fresh.size > RATION ? 'make the environment smaller' : `try again in ${minutes} min`,
      });
    }
    account.left -= fresh.size;
    if (account.seen.size + fresh.size > MAX_REMEMBERED) account.seen.clear();
    for (const mark of fresh) account.seen.add(mark);
  }

  #mark(value: Uint8Array): string {
    return createHmac('sha256', this.#key).update(value).digest('base64').slice(0, 22);
  }
}
