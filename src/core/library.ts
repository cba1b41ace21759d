import { BrokerError } from './errors.ts';

/**
 * A package that is loaded when it is first wanted, since a daemon that has no use for it must not pay for it. Loaded by
 * `require`, which does not wait: two who want it at once get the same, and a hot path stays synchronous.
 * @returns what gives the package. @throws BrokerError `internal`, from that, when the package is not there or broken; the
 *   next call tries again.
 */
export function onFirstUse<T>(name: string, load: () => T): () => T {
  let loaded: T | undefined;
  return () => {
    try {
      loaded ??= load();
      return loaded;
    } catch (cause) {
      throw new BrokerError('internal', `the package ${name}, which broker needs for this, cannot be loaded`, {
        hint: 'broker is not installed whole: install it again',
        cause,
      });
    }
  };
}
