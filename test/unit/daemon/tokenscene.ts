import type { TestContext } from 'node:test';
import type { BrokerError } from '../../../src/core/errors.ts';
import type { Secret } from '../../../src/core/secret.ts';
import type { NewToken } from '../../../src/daemon/minting.ts';
import { AMBIENT_GRANTS, type TokenRecord } from '../../../src/daemon/token.ts';
import { Tokens } from '../../../src/daemon/tokens.ts';
import type { Vault } from '../../../src/vault/vault.ts';
import { newVault } from '../vault/home.ts';
import { HOUR } from './callers.ts';
import { ManualClock } from './time.ts';

export const UNIX = { transport: 'unix', uid: 1000 } as const;
export const PROXY: NewToken = { name: 'agent', scope: 'proxy', grants: AMBIENT_GRANTS, ttlMs: HOUR };

export interface Scene {
  readonly vault: Vault;
  readonly home: string;
  readonly clock: ManualClock;
  readonly tokens: Tokens;
}

/** The tokens of a new, unlocked vault. */
export async function scene(t: TestContext): Promise<Scene> {
  const { vault, home } = await newVault(t);
  const clock = new ManualClock();
  const tokens = new Tokens(vault, clock);
  tokens.load();
  t.after(() => tokens[Symbol.dispose]());
  return { vault, home, clock, tokens };
}

export function plain(token: Secret): string {
  return token.use((bytes) => bytes.toString());
}

/** Why the token's signal is aborted; undefined while it is not. */
export function end(tokens: Tokens, token: Secret): { signal: AbortSignal; why: () => string | undefined } {
  const { signal } = tokens.authenticate(token, UNIX);
  return { signal, why: () => (signal.aborted ? (signal.reason as BrokerError).message : undefined) };
}

export function child(parent: TokenRecord, more: Partial<NewToken> = {}): NewToken {
  return { scope: 'proxy', grants: AMBIENT_GRANTS, ttlMs: HOUR, parent: parent.id, ...more };
}
