import { BrokerError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { KEY_BYTES } from './aead.ts';
import { MAX_KDF } from './limits.ts';

/** argon2id (RFC 9106): passes, KiB of memory, lanes. */
export interface KdfParams {
  readonly timeCost: number;
  readonly memoryKiB: number;
  readonly parallelism: number;
}

/** DESIGN §9: about 0.4 s on two cores. */
export const DEFAULT_KDF: KdfParams = { timeCost: 3, memoryKiB: 64 * 1024, parallelism: 4 };

/** Whether argon2id accepts `params` and the work stays within what a file may ask for. */
export function isBounded(params: KdfParams): boolean {
  return (
    within(params.timeCost, 1, MAX_KDF.timeCost) &&
    within(params.parallelism, 1, MAX_KDF.parallelism) &&
    within(params.memoryKiB, 8 * params.parallelism, MAX_KDF.memoryKiB)
  );
}

/** Stretches a password to a key, on libuv's threads. */
export type Stretch = (password: Secret, salt: Buffer, params: KdfParams) => Promise<Secret>;

const stretch: Stretch = async (password, salt, params) => {
  // Imported late: only the first unlock pays for loading the library.
  const { default: argon2 } = await import('argon2');
  const key = await password.use((bytes) =>
    argon2.hash(bytes, {
      raw: true,
      type: argon2.argon2id,
      salt,
      timeCost: params.timeCost,
      memoryCost: params.memoryKiB,
      parallelism: params.parallelism,
      hashLength: KEY_BYTES,
    }),
  );
  return Secret.own(key);
};

/** Lets one piece of password work run at a time: each costs 64 MiB and half a second, and anybody may ask for it. */
export class Kdf {
  #busy = false;

  /**
   * Runs `work`, which may stretch passwords when it `needs` to.
   * @throws BrokerError `exhausted` at once when it needs to and another is running.
   */
  async alone<T>(needs: boolean, work: (stretch: Stretch) => Promise<T>): Promise<T> {
    if (!needs) return work(stretch);
    if (this.#busy) {
      throw new BrokerError('exhausted', 'another password is being checked', { hint: 'try again in a second' });
    }
    this.#busy = true;
    try {
      return await work(stretch);
    } finally {
      this.#busy = false;
    }
  }
}

function within(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
