import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handles, nothingLeft } from '../../contract/stage.ts';
import { LineClient } from '../../support/client.ts';
import { caller, eventually, never } from '../../support/sessions.ts';
import { setup } from './setup.ts';

const SESSIONS = 500;

test(`${SESSIONS} sessions opened, used and closed leave no descriptor, handle or grant behind`, async () => {
  await using it = await setup();
  const round = async (): Promise<void> => {
    const lease = await it.manager.open(caller(), { service: 'app' }, never);
    using client = await LineClient.connect({ host: lease.address.host, port: lease.address.port });
    await client.send('HELLO', 'x');
    await client.line();
    assert.equal(await client.line(), 'echo x');
    client.finish();
    assert.equal(await client.rest(), '');
    await it.world.recorded('session.end', (event) => event.session === lease.id);
    it.world.audit.length = 0;
  };
  await round();
  await it.server.until(() => it.server.live === 0);
  // A file that is still being read (a module, on Node 24) is nobody's leak, and must not hide one of the same size.
  await eventually(async () => !(await handles()).resources.includes('FSReqCallback'));
  const before = await handles();
  for (let i = 0; i < SESSIONS; i++) await round();
  await it.server.until(() => it.server.live === 0);
  await nothingLeft(before);
  assert.equal(it.world.grants.filter((grant) => grant.active).length, 0);
  assert.deepEqual(it.world.reported, []);
});
