import { test } from 'node:test';
import { drivers } from '../../src/drivers/registry.ts';
import { testIo } from '../support/io.ts';
import { late } from '../support/late.ts';
import type { ContractHarness } from './harness.ts';

/** What is wiped before it is sent is sent as zeros, and the server waits for the rest of it for ever. */
for (const kind of drivers.keys()) {
  test(`${kind}: logs in where the connection is late in saying what it has sent`, { timeout: 20_000 }, async (t) => {
    const { harness } = (await import(`./${kind}.ts`)) as { harness: ContractHarness };
    await using server = await harness.start();
    const config = harness.config(server, harness.password);
    const { driver } = harness;
    const io = late(testIo());
    const opened = driver.trunks
      ? await driver.trunks.open(config, io, t.signal)
      : await driver.open(config, new Map(), io, t.signal);
    await opened[Symbol.asyncDispose]();
  });
}
