import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { ROOT, tool } from '../../scripts/command.ts';
import { floors } from '../../scripts/floors.ts';
import { tooLong } from '../../scripts/sizes.ts';

/** A project of a few files, held against the real rules. */
async function violationsOf(files: Record<string, string>): Promise<readonly string[]> {
  const root = await mkdtemp(join(tmpdir(), 'broker-floors-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    const manifest = { type: 'module', dependencies: { 'pg-protocol': '*' }, devDependencies: { pg: '*' } };
    await writeFile(join(root, 'package.json'), JSON.stringify(manifest));
    await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    return (await floors(root)).violations;
  } finally {
    await rm(root, { recursive: true });
  }
}

/** What the design allows. */
const SOUND = {
  'src/core/conn.ts': "import 'node:net';\nexport interface Conn { id: number }\n",
  'src/core/proto/vault.ts': "import type { Client } from '@grpc/grpc-js';\nexport type Vault = Client;\n",
  'src/vault/vault.ts': "import '../core/conn.ts';\n",
  'src/http/exchange.ts': "import '../core/conn.ts';\n",
  'src/drivers/postgres/wire.ts':
    "import '../../core/conn.ts';\nexport interface Wire { id: number }\nexport const wire = 1;\n",
  'src/drivers/postgres/driver.ts': "import 'pg-protocol';\nimport './wire.ts';\n",
  'src/drivers/registry.ts': "import './postgres/driver.ts';\n",
  'src/daemon/gate.ts': "import '../core/conn.ts';\n",
  'src/daemon/main.ts': "import '../drivers/registry.ts';\nimport '../vault/vault.ts';\nimport './gate.ts';\n",
  'src/cli/output.ts': "import '../core/conn.ts';\n",
  'src/cli/main.ts': "import type { Vault } from '../core/proto/vault.ts';\nexport type V = Vault;\n",
};

/** One file each that breaks a floor, and the violation it has to give. */
const SEEDED: readonly { what: string; file: string; text: string; rule: string }[] = [
  {
    what: 'one driver importing another',
    file: 'src/drivers/redis/driver.ts',
    text: "import { wire } from '../postgres/wire.ts';\nexport const x = wire;\n",
    rule: 'driver-imports-core-and-itself',
  },
  {
    what: 'one driver importing a mere type of another',
    file: 'src/drivers/smtp/driver.ts',
    text: "import type { Wire } from '../postgres/wire.ts';\nexport type X = Wire;\n",
    rule: 'driver-imports-core-and-itself',
  },
  {
    what: 'core importing a driver',
    file: 'src/core/dial.ts',
    text: "import '../drivers/postgres/wire.ts';\n",
    rule: 'core-imports-nothing-of-ours',
  },
  {
    what: 'core importing a library',
    file: 'src/core/relay.ts',
    text: "import 'pg-protocol';\n",
    rule: 'core-imports-no-library',
  },
  {
    what: 'generated types importing another library',
    file: 'src/core/proto/tokens.ts',
    text: "import 'pg-protocol';\n",
    rule: 'proto-imports-only-grpc-types',
  },
  {
    what: 'generated types importing the code of gRPC',
    file: 'src/core/proto/files.ts',
    text: "import { Client } from '@grpc/grpc-js';\nexport const x = Client;\n",
    rule: 'proto-imports-only-types',
  },
  {
    what: 'http importing the daemon',
    file: 'src/http/reverse.ts',
    text: "import '../daemon/gate.ts';\n",
    rule: 'http-imports-core',
  },
  {
    what: 'the vault importing http',
    file: 'src/vault/record.ts',
    text: "import '../http/exchange.ts';\n",
    rule: 'vault-imports-core',
  },
  {
    what: 'the command line importing the daemon',
    file: 'src/cli/client.ts',
    text: "import '../daemon/gate.ts';\n",
    rule: 'cli-imports-core',
  },
  {
    what: 'the daemon importing the command line',
    file: 'src/daemon/log.ts',
    text: "import '../cli/output.ts';\n",
    rule: 'daemon-does-not-import-cli',
  },
  {
    what: 'a driver importing the daemon',
    file: 'src/drivers/imap/driver.ts',
    text: "import '../../daemon/gate.ts';\n",
    rule: 'nobody-imports-daemon-or-cli',
  },
  {
    what: 'a circle',
    file: 'src/vault/circle.ts',
    text: "import './circle.ts';\n",
    rule: 'no-circle',
  },
  {
    what: 'a module that nobody needs',
    file: 'src/core/lonely.ts',
    text: 'export const lonely = 1;\n',
    rule: 'no-orphan',
  },
  {
    what: 'an import of nothing',
    file: 'src/http/forward.ts',
    text: "import './nowhere.ts';\n",
    rule: 'no-unresolvable',
  },
  {
    what: 'a development dependency',
    file: 'src/daemon/sessions.ts',
    text: "import pg from 'pg';\nexport const x = pg;\n",
    rule: 'no-dev-dependency',
  },
];

describe('floors', () => {
  let seen: readonly string[];

  before(async () => {
    const bad = Object.fromEntries(SEEDED.map(({ file, text }) => [file, text]));
    seen = await violationsOf({ ...SOUND, ...bad });
  });

  for (const { what, file, rule } of SEEDED) {
    test(`catch ${what}`, () => {
      assert.ok(
        seen.some((line) => line.startsWith(`${rule}: ${file} -> `)),
        `no "${rule}: ${file}" in\n${seen.join('\n')}`,
      );
    });
  }

  test('let through what the design allows', () => {
    const bad = new Set(SEEDED.map(({ file }) => file));
    assert.deepEqual(
      seen.filter((line) => !bad.has(line.replace(/^.*?: /, '').replace(/ -> .*/, ''))),
      [],
    );
  });

  test('do not take a run that sees no module for success', async () => {
    await assert.rejects(violationsOf({ 'src/readme.txt': 'nothing to import here' }), /saw no module/);
  });
});

test('a file of code with more than 350 lines is named', async () => {
  const root = await mkdtemp(join(tmpdir(), 'broker-sizes-'));
  try {
    await tool('git', ['init', '--quiet'], { cwd: root });
    await writeFile(join(root, 'long.ts'), '\n'.repeat(351));
    await writeFile(join(root, 'full.ts'), '\n'.repeat(350));
    await writeFile(join(root, 'long.md'), '\n'.repeat(351));
    assert.deepEqual(await tooLong(root), ['long.ts: 351 lines']);
    await rm(join(root, '.git'), { recursive: true });
    await assert.rejects(tooLong(root), /git lists no files/);
  } finally {
    await rm(root, { recursive: true });
  }
});
