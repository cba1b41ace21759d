import assert from 'node:assert/strict';
import type { SessionDeps } from '../../src/daemon/sessions/deps.ts';
import { eventually } from '../support/sessions.ts';
import type { ContractClient } from './harness.ts';
import { SERVICE, type Stage } from './stage.ts';

type Claim = (what: string, body: (stage: Stage) => Promise<void>, deps?: Partial<SessionDeps>) => unknown;

/** What a driver has to keep whose sessions share connections (`Driver.trunks`). */
export function sharedContract(claim: Claim, client: ContractClient): void {
  const kept = { limits: { trunkIdleMs: 60_000 } };

  const use = async ({ open, enter }: Stage, marker: string): Promise<void> => {
    using conn = await enter(await open());
    assert.equal(await client.login(conn), undefined);
    conn.socket.write(client.request(marker));
    assert.match(await client.answer(conn), new RegExp(marker));
  };

  claim(
    'the next session has its place on the same connection, and is admitted for itself',
    async (stage) => {
      await use(stage, 'first');
      await use(stage, 'second');
      assert.equal(stage.server.attempts, 1);
      assert.deepEqual(
        stage.world.admitted.map(({ action }) => action),
        ['open', 'open'],
      );
    },
    kept,
  );

  claim('a connection that nobody uses is closed after its time', async (stage) => {
    await use(stage, 'once');
    await stage.server.until(() => stage.server.live === 0);
    assert.equal(stage.world.manager.trunkCount(SERVICE), 0);
  });

  claim(
    'a connection that the server has closed is not handed out',
    async (stage) => {
      await use(stage, 'before');
      stage.server.dropAll();
      await eventually(() => stage.world.manager.trunkCount(SERVICE) === 0);
      await use(stage, 'after');
      assert.equal(stage.server.attempts, 2);
    },
    kept,
  );

  claim(
    'a change of the service closes the connection, and ends the sessions on it',
    async (stage) => {
      const { open, enter, server, world } = stage;
      using conn = await enter(await open());
      assert.equal(await client.login(conn), undefined);
      conn.socket.write(client.request('x'));
      await client.answer(conn);
      await world.manager.dropSpares(SERVICE);
      const told = await client.farewell(conn);
      if (told !== '') assert.match(told, /was changed/);
      await server.until(() => server.live === 0);
      await use(stage, 'anew');
      assert.equal(server.attempts, 2);
    },
    kept,
  );

  claim(
    'the end of one session leaves the others on the connection alone',
    async ({ open, enter, server, world }) => {
      using one = await enter(await open());
      using other = await enter(await open());
      for (const conn of [one, other]) {
        assert.equal(await client.login(conn), undefined);
        conn.socket.write(client.request('here'));
        await client.answer(conn);
      }
      world.grants[0]?.[Symbol.dispose]();
      await client.farewell(one);
      other.socket.write(client.request('still'));
      assert.match(await client.answer(other), /still/);
      assert.equal(server.attempts, 1);
    },
    kept,
  );
}
