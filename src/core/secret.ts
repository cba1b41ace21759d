import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

const SHOWN = '[secret]';

/**
 * Secret bytes that cannot reach a string by accident: template, JSON, inspect, spread and structuredClone all give
 * `[secret]` or nothing. The bytes are visible only inside `use`, and are wiped by `dispose`.
 */
export class Secret implements Disposable {
  #bytes: Buffer | undefined;

  private constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Takes over `bytes`: the caller must not keep or reuse the buffer, which is wiped on dispose. */
  static own(bytes: Buffer): Secret {
    return new Secret(bytes);
  }

  /** Copies `bytes`; the caller's buffer stays the caller's. */
  static copy(bytes: Uint8Array): Secret {
    return new Secret(Buffer.from(bytes));
  }

  /** For text that already is a string (a prompt, an environment variable): a JavaScript string cannot be wiped. */
  static fromText(text: string): Secret {
    return new Secret(Buffer.from(text, 'utf8'));
  }

  static random(bytes: number): Secret {
    return new Secret(randomBytes(bytes));
  }

  /** Number of bytes; 0 once disposed. */
  get length(): number {
    return this.#bytes?.length ?? 0;
  }

  get disposed(): boolean {
    return this.#bytes === undefined;
  }

  /**
   * Lends the bytes to `fn` for the length of the call. `fn` must not return or keep the buffer.
   * @throws TypeError when the secret was disposed, or when `fn` tries to return the buffer itself.
   */
  use<T>(fn: (bytes: Buffer) => T): T {
    const bytes = this.#bytes;
    if (bytes === undefined) throw new TypeError('secret used after it was disposed');
    const result = fn(bytes);
    if ((result as unknown) === bytes) throw new TypeError('secret bytes must not leave use()');
    return result;
  }

  /** A second, independent Secret with the same bytes; each is disposed by its own holder. */
  clone(): Secret {
    return this.use((bytes) => Secret.copy(bytes));
  }

  /** Constant-time comparison over SHA-256, so that neither content nor length shows in the time taken. */
  equals(other: Secret | Uint8Array): boolean {
    const theirs = other instanceof Secret ? other.use(digest) : digest(other);
    return timingSafeEqual(this.use(digest), theirs);
  }

  [Symbol.dispose](): void {
    this.#bytes?.fill(0);
    this.#bytes = undefined;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [Symbol.toPrimitive](): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
