import type { AuditEvent } from '../../core/audit.ts';
import type { BrokerError } from '../../core/errors.ts';

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: BrokerError) => void;
}

/** Records that go to the file in one write. Their callers share a promise, so that a record costs none of its own. */
export class Batch {
  readonly events: AuditEvent[] = [];
  #written: Deferred | undefined;
  #synced: Deferred | undefined;

  /** Somebody waits for the disk. */
  get demandsSync(): boolean {
    return this.#synced !== undefined;
  }

  /** Resolves when the batch is in the file, or on disk (`synced`). */
  wait(synced: boolean): Promise<void> {
    if (synced) this.#synced ??= deferred();
    else this.#written ??= deferred();
    return (synced ? this.#synced : this.#written)?.promise ?? Promise.resolve();
  }

  written(): void {
    this.#written?.resolve();
  }

  synced(): void {
    this.#synced?.resolve();
  }

  /** What was resolved already stays. */
  failed(error: BrokerError): void {
    this.#written?.reject(error);
    this.#synced?.reject(error);
  }
}

function deferred(): Deferred {
  let resolve: Deferred['resolve'] = () => undefined;
  let reject: Deferred['reject'] = () => undefined;
  const promise = new Promise<void>((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { promise, resolve, reject };
}
