import { createHash, randomBytes } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import type { Dialed, HopListener, Target } from '../../core/dial.ts';
import type { Berths, DriverIo } from '../../core/driver.ts';
import { type TlsMaterial, tlsContext } from '../../core/tls.ts';

/** TLS contexts by service: one costs 50 KB and a millisecond, so a service's connections share it (MECHANISMS §8). */
export class TlsContexts {
  readonly #byService = new Map<string, { readonly print: string; readonly context: SecureContext }>();

  /** @throws BrokerError `invalid_argument` when the material cannot be used. */
  get(service: string, material: TlsMaterial): SecureContext {
    const print = fingerprint(material);
    const cached = this.#byService.get(service);
    if (cached?.print === print) return cached.context;
    const context = tlsContext(material);
    this.#byService.set(service, { print, context });
    return context;
  }

  /** Contexts hold private keys: they go when the service changes and when the vault is locked. */
  drop(service: string): void {
    this.#byService.delete(service);
  }

  clear(): void {
    this.#byService.clear();
  }
}

/** How a driver's connections leave this machine: at once, or through another service. */
export type Dial = (target: Target, passed: HopListener, signal: AbortSignal) => Promise<Dialed>;

/** The outside world as a driver of `service` sees it. */
export function driverIo(
  service: string,
  dial: Dial,
  contexts: TlsContexts,
  accessToken: DriverIo['accessToken'] | undefined,
  passed: HopListener = () => undefined,
  berths?: Berths,
): DriverIo {
  return {
    dial: (target, signal) => dial(target, passed, signal),
    redial: async (address, signal) => (await dial(address, () => undefined, signal)).conn,
    tlsContext: (material) => contexts.get(service, material),
    random: randomBytes,
    ...(accessToken && { accessToken }),
    passed,
    ...(berths && { berths }),
  };
}

function fingerprint(material: TlsMaterial): string {
  const hash = createHash('sha256');
  for (const part of [material.ca, material.cert]) hash.update(`${part?.length ?? -1}:${part ?? ''}`);
  material.key?.use((bytes) => hash.update(bytes));
  return hash.digest('base64');
}
