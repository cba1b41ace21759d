import { BrokerError } from '../../core/errors.ts';

/** How many upstream connections each service has, dialling and spare ones included. */
export class Slots {
  readonly #taken = new Map<string, number>();

  isFull(service: string, max: number): boolean {
    return (this.#taken.get(service) ?? 0) >= max;
  }

  /** @returns what gives the slot back, once. @throws BrokerError `exhausted`. */
  take(service: string, max: number): () => void {
    const taken = this.#taken.get(service) ?? 0;
    if (taken >= max)
      throw new BrokerError('exhausted', `all ${max} connections that this service may have are in use`, {
        hint: 'close one (broker session list), or raise the limit of the service',
      });
    this.#taken.set(service, taken + 1);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const left = (this.#taken.get(service) ?? 1) - 1;
      if (left > 0) this.#taken.set(service, left);
      else this.#taken.delete(service);
    };
  }
}
