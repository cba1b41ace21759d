import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drivers } from '../../src/drivers/registry.ts';
import { driverContract } from './driver.ts';
import type { ContractHarness } from './harness.ts';
import { harness as line } from './line.ts';

driverContract('line', line);

for (const kind of drivers.keys()) {
  const { harness }: { harness?: ContractHarness } = await import(`./${kind}.ts`).catch(() => ({}));
  test(`${kind}: has a harness in test/contract/${kind}.ts`, () => assert(harness));
  if (harness) driverContract(kind, harness);
}
