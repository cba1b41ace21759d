import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { Chain } from '../../../../src/daemon/audit/chain.ts';
import { query } from '../../../../src/daemon/audit/query.ts';
import { NEVER, temporaryHome } from '../../vault/home.ts';
import { walkFolder } from './logs.ts';

/** Kills a recorder once it has acknowledged `count` records. @returns all that it acknowledged. */
async function killedRecorder(t: TestContext, folder: string, count: number): Promise<string[]> {
  const script = join(import.meta.dirname, 'recorder.ts');
  const recorder = spawn(process.execPath, ['--import', 'tsx', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => recorder.kill('SIGKILL'));
  const acknowledged: string[] = [];
  for await (const line of createInterface({ input: recorder.stdout })) {
    acknowledged.push(line);
    if (acknowledged.length === count) recorder.kill('SIGKILL');
  }
  if (recorder.exitCode === null && recorder.signalCode === null) await once(recorder, 'exit');
  assert.equal(recorder.signalCode, 'SIGKILL');
  return acknowledged;
}

test('kill -9 loses no acknowledged record and leaves a log that opens, verifies and goes on', async (t) => {
  const folder = await temporaryHome(t);
  const acknowledged: string[] = [];
  for (const count of [1, 2, 37, 101, 250]) {
    acknowledged.push(...(await killedRecorder(t, folder, count)));
    const chain = await Chain.open({ folder });
    const found: (string | undefined)[] = [];
    for await (const { event } of query(chain, {}, NEVER)) found.push(event.service);
    await chain.close();
    assert.deepEqual((await walkFolder(folder)).flaw, undefined);
    const recorded = new Map<string | undefined, number>();
    for (const service of found) recorded.set(service, (recorded.get(service) ?? 0) + 1);
    const promised = new Map<string, number>();
    for (const service of acknowledged) promised.set(service, (promised.get(service) ?? 0) + 1);
    for (const [service, times] of promised) assert.ok((recorded.get(service) ?? 0) >= times, service);
  }
});
