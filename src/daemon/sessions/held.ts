import type { OpenParams, Upstream } from '../../core/driver.ts';
import { BrokerError } from '../../core/errors.ts';
import { after } from './link.ts';

/** An authenticated connection in somebody's hands: a lease's, a visit's or the spares'. Disposing it frees its slot. */
export class Held implements AsyncDisposable {
  readonly upstream: Upstream;
  readonly service: string;
  readonly revision: string | number;
  readonly openedAt: number;
  readonly #release: () => void;
  #disposed: Promise<void> | undefined;

  constructor(upstream: Upstream, service: string, revision: string | number, openedAt: number, release: () => void) {
    this.upstream = upstream;
    this.service = service;
    this.revision = revision;
    this.openedAt = openedAt;
    this.#release = release;
  }

  get params(): OpenParams {
    return this.upstream.params;
  }

  /** Asks the server. @returns false when it does not answer within `timeoutMs`, or the driver fails. */
  async alive(timeoutMs: number): Promise<boolean> {
    const controller = new AbortController();
    const stop = after(timeoutMs, () => controller.abort(new BrokerError('upstream_timeout', 'no sign of life')));
    try {
      return await this.upstream.alive(controller.signal);
    } catch {
      return false;
    } finally {
      stop();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    try {
      await this.upstream[Symbol.asyncDispose]();
    } finally {
      this.#release();
    }
  }
}

export function sameParams(a: OpenParams, b: OpenParams): boolean {
  if (a.size !== b.size) return false;
  for (const [name, value] of a) if (b.get(name) !== value) return false;
  return true;
}
