import { type BrokerError, toBrokerError } from '../../../../src/core/errors.ts';
import { Secret } from '../../../../src/core/secret.ts';
import type { BodyOut, BodyScrub, QuietClock } from '../../../../src/http/scrub/body.ts';
import { type HoldBack, IdentityScrub } from '../../../../src/http/scrub/identity.ts';
import { Needles } from '../../../../src/http/scrub/needles.ts';
import { ManualClock } from '../../daemon/time.ts';

/** What a client gets of a body, and what became of it. */
export class Outlet implements BodyOut {
  hits = 0;
  readied = 0;
  ended = false;
  error: BrokerError | undefined;
  readonly #chunks: Buffer[] = [];
  #waiting: (() => void)[] = [];

  get bytesOut(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytesOut.toString('latin1');
  }

  bytes(chunk: Buffer): void {
    if (this.ended || this.error) throw new Error('bytes after the end');
    this.#chunks.push(Buffer.from(chunk));
    this.#wake();
  }

  ready(): void {
    this.readied += 1;
    this.#wake();
  }

  end(): void {
    this.ended = true;
    this.#wake();
  }

  broken(error: BrokerError): void {
    this.error = toBrokerError(error);
    this.#wake();
  }

  found(): void {
    this.hits += 1;
  }

  /** Resolves at the next thing that happens. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each();
  }
}

/** A scrubber of an unencoded body, with needles of its own. */
export function scrubbing(
  secrets: readonly string[],
  holdBack: HoldBack,
  out: BodyOut,
  clock: QuietClock = new ManualClock(),
  length?: number,
): Disposable & { readonly body: BodyScrub } {
  const needles = needlesOf(...secrets);
  if (!needles.body) throw new Error('nothing to look for');
  const body = new IdentityScrub(needles.body, { needles, holdBack, clock, out, length });
  return {
    body,
    [Symbol.dispose]: () => {
      body[Symbol.dispose]();
      needles[Symbol.dispose]();
    },
  };
}

export function needlesOf(...secrets: readonly string[]): Needles {
  const owned = secrets.map((secret) => Secret.fromText(secret));
  try {
    return new Needles(owned);
  } finally {
    for (const secret of owned) secret[Symbol.dispose]();
  }
}
