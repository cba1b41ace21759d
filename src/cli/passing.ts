import { BrokerError } from '../core/errors.ts';

/** What is to be undone when the command is over, whatever it did: admin tokens that were made for it alone. */
const undone: (() => Promise<unknown>)[] = [];

export function whenOver(undo: () => Promise<unknown>): void {
  undone.push(undo);
}

/** Undoes it all. That the daemon is gone, locked or has forgotten already what was to end is as good. */
export async function endPassing(): Promise<void> {
  for (const undo of undone.splice(0)) {
    await undo().catch((error: unknown) => {
      if (!(error instanceof BrokerError)) throw error;
    });
  }
}
