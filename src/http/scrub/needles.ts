import { type Form, formsOf, MIN_FORM_BYTES, withoutHolders } from '../../core/forms.ts';
import type { Secret } from '../../core/secret.ts';
import { type Hit, Matcher } from './matcher.ts';

/** A secret shorter than this is looked for in headers only: in a body it would be found by chance (MECHANISMS §6). */
export const MIN_BODY_SECRET_BYTES = 8;

/** What a secret is overwritten with. */
export const STAND_IN = 0x2a; // *

/**
 * What must not come back from an upstream, made ready to be looked for. Made once for a set of secrets and shared by all
 * responses; whoever reads a response to its end holds it meanwhile, and the bytes are wiped when it was disposed of and the
 * last holder let go.
 */
export class Needles implements Disposable {
  /** For bodies; undefined when there is nothing to look for. */
  readonly body: Matcher | undefined;
  /** For header fields, which are also searched for shorter secrets. */
  readonly fields: Matcher | undefined;
  #holders = 0;
  #released = false;

  /** @param secrets copied; they stay the caller's. */
  constructor(secrets: readonly Secret[]) {
    const long = secrets.filter(({ length }) => length >= MIN_BODY_SECRET_BYTES);
    const sought = secrets.filter(({ length }) => length >= MIN_FORM_BYTES);
    this.body = matcherOf(long);
    this.fields = sought.length === long.length ? this.body : matcherOf(sought);
  }

  /** Keeps the needles usable until the given function is called, whatever happens to their owner. */
  hold(): () => void {
    this.#holders += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders -= 1;
      this.#wipe();
    };
  }

  [Symbol.dispose](): void {
    this.#released = true;
    this.#wipe();
  }

  #wipe(): void {
    if (!this.#released || this.#holders > 0) return;
    this.body?.[Symbol.dispose]();
    this.fields?.[Symbol.dispose]();
  }
}

/** Overwrites what was found with `*`. */
export function overwrite(bytes: Buffer, hits: readonly Hit[]): void {
  for (const { start, end } of hits) bytes.fill(STAND_IN, start, end);
}

function matcherOf(secrets: readonly Secret[]): Matcher | undefined {
  const forms = secrets.flatMap((secret): Form[] => secret.use((bytes) => formsOf(bytes)));
  return forms.length === 0 ? undefined : new Matcher(withoutHolders(forms));
}
