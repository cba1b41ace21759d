import type { GateVault } from './gate.ts';

/** A vault as the gate sees it: closed from the moment a lock begins. */
export function gatedVault(vault: GateVault, isLocking: () => boolean): GateVault {
  return {
    get state() {
      return vault.state === 'unlocked' && isLocking() ? 'locked' : vault.state;
    },
    onLock: (listener) => vault.onLock(listener),
  };
}
