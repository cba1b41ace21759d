import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { TestDaemon } from '../../support/daemon.ts';

/* Daemon.Shutdown: whoever asks is answered, and the daemon stops because it was, not some time later. */

for (const state of ['unlocked', 'locked'] as const)
  test(`the answer is there before the daemon stops, over gRPC, with a vault that is ${state}`, async () => {
    for (let round = 0; round < 3; round++) {
      await using daemon = await TestDaemon.start();
      if (state === 'locked') await daemon.instance.daemon.lock();
      const stop = once(daemon.asked, 'stop').then(() => daemon.instance[Symbol.asyncDispose]());
      await daemon.client().daemon.shutdown({ reason: 'test' });
      await stop;
    }
  });

test('and over HTTP', async () => {
  await using daemon = await TestDaemon.start();
  const stop = once(daemon.asked, 'stop').then(() => daemon.instance[Symbol.asyncDispose]());
  const answer = await fetch(`${daemon.http}/rpc/broker.v1.Daemon/Shutdown`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await daemon.adminToken()}` },
  });
  assert.deepEqual([answer.status, await answer.json()], [200, {}]);
  await stop;
});
