import { createHash } from 'node:crypto';
import type { Secret } from '../core/secret.ts';

/** What to look for among the stored secrets. */
export interface Wanted {
  /** SHA-256 of values, in hex, that may be secrets as a whole. */
  readonly digests: ReadonlySet<string>;
  /** Bytes in which a secret may stand. */
  readonly within?: Buffer;
}

export interface Found {
  /** Those of the digests that are a secret's. */
  readonly digests: ReadonlySet<string>;
  /** Whether a secret stands in `within`. */
  readonly within: boolean;
}

/** A shorter secret is a common word: `admin` stands in every environment. */
export const MIN_SEARCHED_BYTES = 8;

/** Compares every secret; line ends behind it do not count, since a file has them and a variable does not. */
export function searched(secrets: Iterable<Secret>, { digests, within }: Wanted): Found {
  const found = new Set<string>();
  let stands = false;
  for (const secret of secrets) {
    secret.use((bytes) => {
      const bare = withoutLineEnds(bytes);
      if (bare.length < MIN_SEARCHED_BYTES) return;
      const digest = digestOf(bare);
      if (digests.has(digest)) found.add(digest);
      stands ||= within?.includes(bare) ?? false;
    });
  }
  return { digests: found, within: stands };
}

/** As `Wanted.digests` has them. */
export function digestOf(value: Buffer): string {
  return createHash('sha256').update(withoutLineEnds(value)).digest('hex');
}

function withoutLineEnds(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 10 || bytes[end - 1] === 13)) end--;
  return bytes.subarray(0, end);
}
