import type { BrokerError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';

/** A service that has an HTTP port of its own. */
export interface Listening {
  readonly service: string;
  /** `127.0.0.1:10000`. */
  readonly address: string;
}

interface Services {
  list(): readonly { readonly name: string; readonly config: JsonObject }[];
}

/** Opens what is wanted and closes all else. @returns services whose port could not be opened, and why. */
export type Follow = (wanted: readonly Listening[]) => Promise<ReadonlyMap<string, BrokerError>>;

/** Tells whoever opens the ports which there are to be: at an unlock, and when a service changes. */
export class PortWatch {
  readonly #vault: { readonly state: string };
  readonly #services: Services;
  #follow: Follow = async () => new Map();
  #failures: ReadonlyMap<string, BrokerError> = new Map();

  constructor(vault: { readonly state: string }, services: Services) {
    this.#vault = vault;
    this.#services = services;
  }

  /** Told now, and from now on. */
  async follow(follow: Follow): Promise<void> {
    this.#follow = follow;
    await this.changed();
  }

  async changed(): Promise<void> {
    if (this.#vault.state !== 'unlocked') return;
    const wanted = this.#services.list().flatMap(({ name, config: { listen } }) => {
      return typeof listen === 'string' ? [{ service: name, address: listen }] : [];
    });
    this.#failures = await this.#follow(wanted);
  }

  /** Why the own port of a service is not open; undefined where it is, or was not asked for. */
  failure(service: string): BrokerError | undefined {
    return this.#failures.get(service);
  }
}
