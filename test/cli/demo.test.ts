import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { ROOT } from '../../scripts/command.ts';
import { run } from '../rig/process.ts';

/** It takes 5 s on an idle machine; one that hangs ends here. */
const LONGEST_MS = 120_000;

class Demo implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<readonly unknown[]>;
  output = '';
  errors = '';

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(process.execPath, ['--import', 'tsx', 'scripts/demo.ts', ...args], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: AbortSignal.timeout(LONGEST_MS),
    });
    this.#ended = once(this.#child, 'close');
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.output += chunk;
    });
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.errors += chunk;
    });
  }

  /** Waits until it has printed something. */
  async printed(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      const ended = await Promise.race([once(this.#child.stdout, 'data'), this.#ended.then(() => 'ended' as const)]);
      if (ended === 'ended') assert.fail(`the demo ended before it said "${text}"\n${this.output}${this.errors}`);
    }
  }

  async end(signal?: NodeJS.Signals): Promise<number | null> {
    if (signal) this.#child.kill(signal);
    const [code] = await this.#ended;
    return code as number | null;
  }

  /** Goes away as `| head` does. */
  stopReading(): void {
    this.#child.stdout.destroy();
  }

  /** A test that fails half-way must not leave servers behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) await this.end('SIGTERM');
  }

  /** The folder that all of it is in. */
  get folder(): string {
    const [, file = ''] = /--ca-file (\S+)/.exec(this.output) ?? [];
    return dirname(dirname(file));
  }
}

describe('npm run demo', () => {
  test('shows a stock client at work and that the password is nowhere, then leaves nothing behind', async () => {
    await using demo = new Demo([]);
    assert.equal(await demo.end(), 0, demo.output + demo.errors);
    assert.match(demo.output, /refused \(SQLSTATE 28P01\)/, 'the server is protected');
    assert.match(demo.output, /node-postgres there: \{"role":"app","orders":42,"tls":"TLSv1\.3"\}/);
    const searched = [...demo.output.matchAll(/^ +not there {2}(.+?) {2,}.*?([\d,]+) bytes$/gm)];
    const places = searched.map(([, name]) => name?.trim());
    for (const place of [
      'environment of node-postgres',
      'command line of node-postgres',
      'bytes from node-postgres to broker',
      'bytes from broker to node-postgres',
      'output of every broker command',
      'audit log',
    ]) {
      assert.ok(
        places.some((name) => name?.startsWith(place)),
        `it says that it searched the ${place}: ${places}`,
      );
    }
    assert.match(demo.output, /ok +session\.connect/, 'the audit log is shown');
    assert.match(demo.output, /audit verify: ok/);
    assert.match(demo.output, /What to type next/);
    const [install = 'nothing'] = /npm [^\n]*npm install -g .*|npm install -g .*/.exec(demo.output) ?? [];
    const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
    assert.ok(readme.split('\n').includes(install), `README installs the command in the same way: ${install}`);
    assert.equal(demo.errors, '');
    assert.ok(!existsSync(demo.folder), 'its folder is gone, and with it every process that lived there');
  });

  test('fails and names every place where a password was planted', async () => {
    await using demo = new Demo([], { DEMO_PLANT_LEAK: 'env,argv,bytes,audit' });
    assert.equal(await demo.end(), 1, demo.output);
    assert.match(demo.errors, /^demo: FAILED: the password is in /);
    assert.match(demo.errors, /the environment of node-postgres \(as base64\)/);
    assert.match(demo.errors, /the command line of node-postgres \(as it is/);
    assert.match(demo.errors, /the bytes from node-postgres to broker \(as hex\)/);
    assert.match(demo.errors, /the bytes from broker to node-postgres \(as hex\)/);
    assert.match(demo.errors, /the audit log \(URL-encoded\)/);
    assert.doesNotMatch(demo.errors, /folder of the client/, 'nothing was planted there');
    assert.ok(!existsSync(demo.folder), 'it cleans up all the same');
  });

  test('stops everything when nobody reads its output any more', async () => {
    await using demo = new Demo([]);
    await demo.printed('--ca-file');
    demo.stopReading();
    assert.equal(await demo.end(), 130);
    assert.match(demo.errors, /ended by the end of its output; everything is removed/);
    assert.ok(!existsSync(demo.folder));
  });

  test('stays up with --keep, and what it prints can be pasted', async () => {
    await using demo = new Demo(['--keep']);
    await demo.printed('paste into another terminal');
    await demo.printed('audit query --follow');
    const pasted = demo.output.slice(demo.output.indexOf('paste into another terminal'));
    const exports = pasted.match(/^ +export .+$/gm) ?? [];
    assert.equal(exports.length, 3, pasted);
    const shell = (line: string) => run('sh', ['-ec', [...exports, line].join('\n')]);
    assert.match(await shell('broker status'), /vault +unlocked/);
    assert.match(await shell('broker postgres app-db'), /^127\.0\.0\.1:\d+$/m);
    assert.match(await shell("broker postgres app-db -- sh -c 'echo $PGUSER@$PGDATABASE'"), /^app@shop$/m);
    assert.equal(await demo.end('SIGINT'), 0, demo.errors);
    assert.match(demo.output, /stopped, and everything removed/);
    await assert.rejects(shell('broker status'), /exit 127|not found/);
  });
});
