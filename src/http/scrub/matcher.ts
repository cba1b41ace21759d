import { type Form, isBase64 } from '../../core/forms.ts';

/** Where something was found: from `start` up to, not including, `end`. Shared edges of base64 included. */
export interface Hit {
  readonly start: number;
  readonly end: number;
}

/** Entries of the shift table; two bytes are folded into an index of it. Small enough for the processor's first cache. */
const TABLE = 4_096;

/**
 * Finds many byte strings in one pass (Wu and Manber, "A fast algorithm for multi-pattern searching", 1994): the two bytes under
 * the end of the window say how far it can move without skipping a match, mostly the length of the shortest form.
 * Its copies of the secret are private and wiped by dispose; a search after that throws, so that nothing passes unseen.
 */
export class Matcher implements Disposable {
  /** The longest match in bytes, shared edges included. */
  readonly maxBytes: number;
  readonly #forms: readonly Form[];
  /** The shortest core: the size of the window. */
  readonly #window: number;
  readonly #shifts = new Uint8Array(TABLE);
  /** Forms by the table's entry of the last two bytes of their window. */
  #ends: (readonly Form[] | undefined)[] = [];
  #wiped = false;

  /** Takes over the forms. None may be shorter than two bytes. */
  constructor(forms: readonly Form[]) {
    this.#forms = forms;
    this.#window = Math.min(...forms.map(({ core }) => core.length));
    this.maxBytes = Math.max(0, ...forms.map(({ core, before, after }) => core.length + before + after));
    if (forms.length === 0) return;
    this.#shifts.fill(Math.min(255, this.#window - 1));
    this.#ends = new Array<readonly Form[] | undefined>(TABLE);
    for (const form of forms) this.#learn(form);
  }

  /** Adds to `hits` whatever lies in `bytes`, overlapping or not, in order of where the window stood. @throws TypeError once wiped. */
  find(bytes: Buffer, hits: Hit[]): void {
    if (this.#wiped) throw new TypeError('a search for secrets that were wiped');
    const shifts = this.#shifts;
    const window = this.#window;
    const last = bytes.length - 1;
    for (let at = window - 1; at <= last; ) {
      const entry = (((bytes[at - 1] ?? 0) << 4) ^ (bytes[at] ?? 0)) & (TABLE - 1);
      const shift = shifts[entry] ?? 0;
      if (shift > 0) {
        at += shift;
        continue;
      }
      for (const form of this.#ends[entry] ?? []) {
        const start = at - window + 1;
        const end = start + form.core.length;
        if (end <= bytes.length && form.core.compare(bytes, start, end) === 0) {
          const before = form.before === 1 && isBase64(bytes[start - 1]);
          const after = form.after === 1 && isBase64(bytes[end]);
          hits.push({ start: before ? start - 1 : start, end: after ? end + 1 : end });
        }
      }
      at += 1;
    }
  }

  [Symbol.dispose](): void {
    this.#wiped = true;
    for (const { core } of this.#forms) core.fill(0);
    this.#shifts.fill(0);
    this.#ends = [];
  }

  #learn(form: Form): void {
    const { core } = form;
    for (let at = 1; at < this.#window; at++) {
      const entry = (((core[at - 1] ?? 0) << 4) ^ (core[at] ?? 0)) & (TABLE - 1);
      this.#shifts[entry] = Math.min(this.#shifts[entry] ?? 0, this.#window - 1 - at);
      if (at === this.#window - 1) this.#ends[entry] = [...(this.#ends[entry] ?? []), form];
    }
  }
}
