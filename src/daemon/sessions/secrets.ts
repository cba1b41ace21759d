import { Secret } from '../../core/secret.ts';

/** Wipes on disposal what a parsed configuration holds. A driver that needs a secret for longer has cloned it. */
export function secretsOf(config: unknown): Disposable {
  return {
    [Symbol.dispose]() {
      if (typeof config !== 'object' || config === null) return;
      for (const value of Object.values(config)) if (value instanceof Secret) value[Symbol.dispose]();
    },
  };
}
