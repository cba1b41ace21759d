import { writeSync } from 'node:fs';
import { Chain } from '../../../../src/daemon/audit/chain.ts';
import { event } from './logs.ts';

// Records as fast as it can until it is killed, several at a time, and says on standard output which are acknowledged.
const chain = await Chain.open({ folder: process.argv[2] ?? '', maxBytes: 20_000, keepFiles: 1_000 });
let next = 0;
async function recordForever(): Promise<void> {
  for (;;) {
    next += 1;
    const service = `db-${next}`;
    await chain.append(event(0, { service, reason: 'x'.repeat(next % 500) }), true);
    writeSync(1, `${service}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, recordForever));
