import { BrokerError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { Backoff } from './backoff.ts';
import type { Header } from './format.ts';
import { Kdf, type Stretch } from './kdf.ts';
import { type Credential, openSlots } from './slot.ts';

/** Trying credentials: who may try now, one password at a time, and what comes of it. */
export class Attempts {
  readonly #kdf = new Kdf();
  readonly #backoff: Backoff;

  constructor(owner: string, now: () => number) {
    this.#backoff = new Backoff(owner, now);
  }

  /**
   * Runs `work`, with passwords one piece of work at a time. Keys cost nothing to check and never wait for passwords.
   * @throws BrokerError `exhausted` while `caller` has to wait, or another password is being checked.
   */
  async alone<T>(type: Credential['type'], caller: string, work: (stretch: Stretch) => Promise<T>): Promise<T> {
    this.#backoff.check(caller);
    return this.#kdf.alone(type === 'password', work);
  }

  /**
   * The data key that `credential` opens, for the caller to dispose; counts for or against `caller`.
   * @throws BrokerError `denied` when it opens none of the slots.
   */
  async open(header: Header, credential: Credential, caller: string, stretch: Stretch): Promise<Secret> {
    const dataKey = await openSlots(header.slots, header.vaultId, credential, stretch);
    if (dataKey === undefined) {
      this.#backoff.failed(caller);
      throw wrong(credential);
    }
    this.#backoff.succeeded(caller);
    return dataKey;
  }
}

/** The refusal of a credential that opens no slot. */
export function wrong(credential: Credential): BrokerError {
  if (credential.type === 'password') return new BrokerError('denied', 'wrong password');
  return new BrokerError('denied', "this key opens none of the vault's key slots", {
    hint: 'the content of a key file counts byte for byte, a newline at its end too',
  });
}
