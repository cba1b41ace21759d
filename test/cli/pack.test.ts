import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ROOT } from '../../scripts/command.ts';
import { type Server, startServer } from '../../scripts/demo/postgres.ts';
import { run } from '../rig/process.ts';

const NPM = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];

/** What older builds could have left behind, in dist and where the compiler writes. */
const STALE = ['dist/cli/commands/left-behind.js', 'build/compiled/core/left-behind.js'];

/** The package as npm would publish it, installed as on a machine without a compiler, and a consumer of it. */
class Installed {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly files: readonly string[];

  private constructor(folder: string, files: readonly string[]) {
    this.folder = folder;
    this.files = files;
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith('BROKER_') && !name.startsWith('npm_'));
    this.env = {
      ...Object.fromEntries(own),
      BROKER_HOME: join(folder, 'home'),
      XDG_CONFIG_HOME: join(folder, 'config'),
      BROKER_PASSWORD_FILE: join(folder, 'master-password'),
    };
  }

  static async into(folder: string): Promise<Installed> {
    for (const file of STALE) {
      await mkdir(dirname(join(ROOT, file)), { recursive: true });
      await writeFile(join(ROOT, file), "console.log('left behind');\n");
    }
    const packed = await run('npm', ['pack', '--json', '--pack-destination', folder, ...NPM], { cwd: ROOT });
    const [tarball] = parsePack(packed);
    assert.ok(tarball, packed);
    const install = ['install', '--global', '--prefix', join(folder, 'prefix'), '--ignore-scripts', ...NPM];
    await run('npm', [...install, join(folder, tarball.filename)], { cwd: folder });
    await writeFile(join(folder, 'master-password'), 'correct horse battery staple', { mode: 0o600 });
    const installed = new Installed(folder, tarball.files);
    await installed.#makeConsumer();
    return installed;
  }

  broker(args: readonly string[], input = ''): Promise<string> {
    return run(join(this.folder, 'prefix/bin/broker'), args, { env: this.env, input });
  }

  /** Type-checks the consumer's programs, libraries included. */
  async check(): Promise<void> {
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    await run(process.execPath, [tsc, '-p', '.'], { cwd: join(this.folder, 'consumer') });
  }

  /** Runs one of them. */
  async program(file: string, args: readonly string[] = []): Promise<string> {
    const cwd = join(this.folder, 'consumer');
    const tsx = join(ROOT, 'node_modules/tsx/dist/loader.mjs');
    return run(process.execPath, ['--import', tsx, file, ...args], { cwd, env: this.env });
  }

  /** A project that has the package and pg, and takes their types as any project does. */
  async #makeConsumer(): Promise<void> {
    const folder = join(this.folder, 'consumer');
    const modules = join(folder, 'node_modules');
    await mkdir(join(modules, '@types'), { recursive: true });
    await symlink(join(this.folder, 'prefix/lib/node_modules/authbroker'), join(modules, 'authbroker'));
    for (const name of ['pg', '@types/pg', '@types/node']) {
      await symlink(resolve(ROOT, 'node_modules', name), join(modules, name));
    }
    await cp(join(ROOT, 'examples/node/query.ts'), join(folder, 'query.ts'));
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    const compilerOptions = { module: 'nodenext', target: 'es2023', types: ['node'], strict: true, noEmit: true };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  }
}

const STATUS = `
import { type BrokerClient, BrokerError, connect, type VaultStatus } from 'authbroker';
const broker: BrokerClient = connect();
const status: VaultStatus = await broker.vault.status({});
const refused = await broker.sessions.open({ service: 'nope' }).catch((error: unknown) => error);
// @ts-expect-error a field that does not exist is refused by the compiler
const misspelt = () => broker.sessions.open({ servise: 'nope' });
console.log(status.state, refused instanceof BrokerError && refused.code);
broker.close();
`;

function parsePack(json: string): { filename: string; files: string[] }[] {
  const parsed: unknown = JSON.parse(json.slice(json.search(/[[{]/)));
  const packages: unknown[] = Array.isArray(parsed) ? parsed : Object.values(parsed ?? {});
  return packages.map((one) => {
    const { filename, files } = one as { filename: string; files: { path: string }[] };
    return { filename, files: files.map(({ path }) => path) };
  });
}

describe('npm pack', () => {
  let folder: string;
  let installed: Installed;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'broker-pack-'));
    installed = await Installed.into(folder);
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test('carries the command, the client with its types, the proto files and the licence, and no sources', () => {
    for (const file of ['dist/cli/main.js', 'dist/daemon/main.js', 'dist/index.js', 'dist/index.d.ts', 'LICENSE']) {
      assert.ok(installed.files.includes(file), file);
    }
    assert.ok(installed.files.includes('proto/broker/v1/sessions.proto'));
    const foreign = installed.files.filter(
      (file) => !/^(dist|proto)\/|^(package\.json|LICENSE|[A-Z]+\.md)$/.test(file),
    );
    assert.deepEqual(foreign, []);
  });

  test('has every module that one of its modules imports, statically or later', async () => {
    const root = join(folder, 'prefix/lib/node_modules/authbroker');
    const missing: string[] = [];
    for (const file of installed.files.filter((path) => path.startsWith('dist/') && path.endsWith('.js'))) {
      const source = await readFile(join(root, file), 'utf8');
      for (const [, target = ''] of source.matchAll(/\b(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g)) {
        if (!existsSync(resolve(root, dirname(file), target))) missing.push(`${file} imports ${target}`);
      }
    }
    assert.deepEqual(missing, []);
  });

  test('is built before it is packed, without what an older build left', () => {
    assert.ok(!installed.files.some((file) => file.includes('left-behind')));
    assert.ok(!existsSync(join(ROOT, 'dist/cli/commands/left-behind.js')));
  });

  test('installs without running a script, and the command answers', async () => {
    assert.match(await installed.broker(['--help']), /^Usage: broker/);
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    assert.equal(await installed.broker(['--version']), `${version}\n`);
  });

  test('a refused command of the daemon gives its own message, not an internal error', async () => {
    await assert.rejects(installed.broker(['daemon', '--log-level', 'loud']), /--log-level must be one of/);
  });

  describe('with the installed daemon up', () => {
    let server: Server;

    before(async () => {
      server = await startServer(`${folder}-postgres`);
      await installed.broker(['up', '--grpc', 'off', '--http', 'off']);
    });

    after(async () => {
      await installed.broker(['down']);
      await server[Symbol.asyncDispose]();
      await rm(`${folder}-postgres`, { recursive: true, force: true });
    });

    test('says how it is', async () => {
      assert.match(await installed.broker(['status']), /vault +unlocked/);
    });

    test("the typed client and the example type-check in somebody's project", async () => {
      await writeFile(join(folder, 'consumer/status.ts'), STATUS);
      await installed.check();
    });

    test('the typed client reaches the daemon, and errors are BrokerErrors', async () => {
      assert.equal(await installed.program('status.ts'), 'STATE_UNLOCKED not_found\n');
    });

    test('the example in examples/node queries a database without its password', async () => {
      const { host, port, user, database, caFile, password } = server;
      const where = ['--host', host, '--port', String(port), '--user', user, '--database', database];
      const add = ['service', 'add', 'app-db', '--kind', 'postgres', ...where, '--ca-file', caFile, '--password-stdin'];
      await installed.broker(add, password);
      const answer = await installed.program('query.ts', ['app-db', 'select count(*)::int as orders from orders']);
      assert.deepEqual(JSON.parse(answer), [{ orders: 42 }]);
      await assert.rejects(installed.program('query.ts', ['no-such-db']), /not_found: .*no-such-db/);
    });
  });
});
