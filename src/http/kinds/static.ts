import { Secret } from '../../core/secret.ts';
import type { HttpConfig } from '../config.ts';
import type { HttpKind, Injection } from '../kind.ts';

/**
 * `inject` of a kind whose credential does not change: made once per parsed configuration, kept for as long as that is.
 * @throws BrokerError as `make`.
 */
export function injectedOnce<C extends HttpConfig>(make: (config: C) => Injection): HttpKind<C>['inject'] {
  const made = new WeakMap<C, Injection>();
  return (config) => {
    const known = made.get(config);
    if (known) return known;
    const injection = make(config);
    made.set(config, injection);
    return injection;
  };
}

/** A header is text: for as long as the service is in use, the credential is, too. */
export function headerText(secret: Secret | undefined): string {
  return secret?.use((bytes) => bytes.toString('latin1')) ?? '';
}

/** The secrets, and the whole values that they were put into. */
export function needlesOf(secrets: readonly (Secret | undefined)[], values: readonly string[]): readonly Secret[] {
  const kept = secrets.flatMap((secret) => (secret && secret.length > 0 ? [secret] : []));
  return [...kept, ...values.map((value) => Secret.own(Buffer.from(value, 'latin1')))];
}
