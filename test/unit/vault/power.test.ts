import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Vault } from '../../../src/vault/vault.ts';
import { broken, key, NEVER, newVault, openVault, password, revealed, temporaryHome, text } from './home.ts';
import { Plug } from './plug.ts';

/** What changes the vault, as a name, an action on it and whether its effect is there. */
interface Step {
  readonly name: string;
  act(vault: Vault): Promise<unknown>;
  happened(vault: Vault): boolean;
}

const steps: readonly Step[] = [
  {
    name: 'a write',
    act: (vault) => put(vault, 'two', '2'),
    happened: (vault) => vault.get('service', 'two') !== undefined,
  },
  {
    name: 'removing a key slot',
    act: (vault) => vault.removeSlot('spare'),
    happened: (vault) => vault.slots().length === 2,
  },
  {
    name: 'a rekey',
    act: (vault) => vault.changePassword(text('correct horse'), text('battery staple'), { rekey: true }, 'me', NEVER),
    happened: (vault) => vault.generation === 5,
  },
];

/** The vault before each step, at generation 4: record `one`, and two key slots unless they would forbid the step. */
async function prepared(t: TestContext, step: Step): Promise<{ home: string; vault: Vault; plug: Plug }> {
  const plug = new Plug();
  const { home, vault } = await newVault(t, { disk: plug });
  await put(vault, 'one', '1');
  for (const label of ['main', 'spare']) {
    if (step.name === 'a rekey') await put(vault, 'one', '1');
    else await vault.addSlot(key(Buffer.alloc(32, label)), label);
  }
  return { home, vault, plug };
}

function put(vault: Vault, name: string, secret: string): Promise<unknown> {
  return vault.write([{ type: 'put', collection: 'service', name, fields: {}, secrets: { password: text(secret) } }]);
}

/** How many operations the step takes. */
async function operationsOf(t: TestContext, step: Step): Promise<number> {
  const { vault, plug } = await prepared(t, step);
  plug.failAt(Number.POSITIVE_INFINITY, '', { forGood: false });
  await step.act(vault);
  assert.ok(step.happened(vault));
  return plug.done.length;
}

for (const step of steps) {
  test(`power cut at any point of ${step.name}: the vault is there, before or after it, and goes on`, async (t) => {
    const operations = await operationsOf(t, step);
    for (let cut = 0; cut < operations; cut++) {
      const { home, vault, plug } = await prepared(t, step);
      plug.failAt(cut, 'EIO', { forGood: true });
      await assert.rejects(step.act(vault), broken('internal', /EIO/), `cut ${cut}`);
      await vault[Symbol.asyncDispose]();

      const again = await openVault(t, home);
      assert.equal(again.damage, undefined, `cut ${cut}`);
      await again.unlock(password(), 'me', NEVER).catch(() => again.unlock(password('battery staple'), 'me', NEVER));
      assert.equal(revealed(again, 'one', 'password'), '1');
      // Only the very last operation, making the rename durable, comes after the change can be seen.
      assert.equal(step.happened(again), cut === operations - 1, `cut ${cut} of ${operations}`);
      await put(again, 'three', '3');
      assert.deepEqual((await readdir(home)).sort(), ['vault.broker', 'vault.broker.bak', 'vault.broker.lock']);
      await again[Symbol.asyncDispose]();
    }
  });

  test(`a disk that fails once at any point of ${step.name}: file and memory are as before, and it works the next time`, async (t) => {
    const operations = await operationsOf(t, step);
    for (let at = 0; at < operations - 1; at++) {
      const { home, vault, plug } = await prepared(t, step);
      const before = await readFile(join(home, 'vault.broker'));
      const { generation } = vault;
      plug.failAt(at, 'ENOSPC', { forGood: false });
      await assert.rejects(
        step.act(vault),
        broken('internal', /could not be saved: the disk is full \(ENOSPC\)/),
        `at ${at}`,
      );
      assert.deepEqual(await readFile(join(home, 'vault.broker')), before, `at ${at}`);
      const left = (await readdir(home)).filter((name) => name.endsWith('.tmp'));
      assert.deepEqual(left, [], `at ${at}: no half-written file takes up the full disk`);
      assert.equal(vault.generation, generation);
      assert.equal(step.happened(vault), false);
      assert.equal(revealed(vault, 'one', 'password'), '1');
      await step.act(vault);
      assert.ok(step.happened(vault));
      assert.equal(revealed(vault, 'one', 'password'), '1');
      await vault[Symbol.asyncDispose]();
    }
  });
}

test('a folder that cannot be synced fails the write, and the next one makes up for it', async (t) => {
  const [write] = steps;
  assert.ok(write);
  const operations = await operationsOf(t, write);
  const { home, vault, plug } = await prepared(t, write);
  plug.failAt(operations - 1, 'EIO', { forGood: false });
  await assert.rejects(put(vault, 'two', '2'), broken('internal'));
  assert.equal(vault.get('service', 'two'), undefined);
  await put(vault, 'three', '3');
  await vault[Symbol.asyncDispose]();
  const again = await openVault(t, home);
  await again.unlock(password(), 'me', NEVER);
  assert.deepEqual(
    again.list('service').map((record) => record.name),
    ['one', 'three'],
  );
});

test('a save syncs the new file before it takes the name, and the folder after', async (t) => {
  const plug = new Plug();
  const { home, vault } = await newVault(t, { disk: plug });
  await put(vault, 'one', '1');
  plug.failAt(Number.POSITIVE_INFINITY, '', { forGood: false });
  await put(vault, 'two', '2');
  const folder = home.slice(home.lastIndexOf('/') + 1);
  assert.deepEqual(
    plug.done.filter(([operation]) => operation !== 'remove'),
    [
      ['create', 'vault.broker.tmp'], // Disk.create resolves when the file is synced
      ['link', 'vault.broker.bak.tmp'],
      ['rename', 'vault.broker.bak'],
      ['rename', 'vault.broker'],
      ['syncFolder', folder],
    ],
  );
});

test('a first save that is cut short makes no vault, and none is made over what it left', async (t) => {
  for (let cut = 0; cut < 3; cut++) {
    const home = await temporaryHome(t);
    const plug = new Plug();
    const vault = await openVault(t, home, { disk: plug });
    plug.failAt(cut, 'EIO', { forGood: true });
    await assert.rejects(vault.initialize(text('correct horse'), NEVER), broken('internal'));
    assert.notEqual(vault.state, 'unlocked');
    await vault[Symbol.asyncDispose]();

    const again = await openVault(t, home);
    if (cut === 0) {
      assert.equal(again.state, 'absent');
    } else {
      assert.equal(again.damage?.code, 'corrupt');
      await assert.rejects(again.initialize(text('other password'), NEVER), broken('conflict', /tmp is there/));
    }
    await again[Symbol.asyncDispose]();
  }
});

test('power cut at any point of a restore leaves the old vault or the new one', async (t) => {
  const source = await newVault(t);
  await put(source.vault, 'restored', 'r');
  const backup = await source.vault.backup();
  const plug = new Plug();
  const counted = await newVault(t, { disk: plug });
  plug.failAt(Number.POSITIVE_INFINITY, '', { forGood: false });
  await counted.vault.restore(backup, text('correct horse'), NEVER);
  const operations = plug.done.length;
  for (let cut = 0; cut < operations; cut++) {
    const cutting = new Plug();
    const { home, vault } = await newVault(t, { disk: cutting });
    await put(vault, 'present', 'p');
    cutting.failAt(cut, 'EIO', { forGood: true });
    await assert.rejects(vault.restore(backup, text('correct horse'), NEVER), broken('internal'));
    await vault[Symbol.asyncDispose]();
    const again = await openVault(t, home);
    await again.unlock(password(), 'me', NEVER);
    const names = again.list('service').map((record) => record.name);
    assert.deepEqual(names, cut === operations - 1 ? ['restored'] : ['present'], `cut ${cut} of ${operations}`);
    await again[Symbol.asyncDispose]();
  }
});
