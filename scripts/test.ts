/**
 * `npm test [-- [--node BIN] [--folder F] [PART-OF-A-PATH ...]]`: builds, starts the real servers, runs the tests, stops the servers
 * again, however it ends. Node's own summary is the last thing that a good run prints.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type RigFile, startRig, stopRig } from '../test/rig/rig.ts';
import { build } from './build.ts';
import { ROOT } from './command.ts';
import { objection, summaryOf, testFiles } from './suite.ts';

/** The whole suite takes a fraction of this; a run that hangs must still end by itself. */
const LONGEST_RUN_MS = 20 * 60_000;
/** For one file, by whose name a hang is then known. */
const LONGEST_FILE_MS = 5 * 60_000;
/** For what the runner said last, though a program that a test left behind holds its output open. */
const LAST_WORDS_MS = 2_000;

const { values, positionals } = parseArgs({
  options: { node: { type: 'string' }, folder: { type: 'string' } },
  allowPositionals: true,
});
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => stop.abort(signal));
}

process.exitCode = await main();

async function main(): Promise<number> {
  const files = await testFiles(positionals, ROOT, values.folder);
  if (files.length === 0) return fail(`no test file matches ${positionals.join(' ')}`);
  const started = Date.now();
  if (!(await build())) return fail('the build failed');
  const folder = await mkdtemp(join(tmpdir(), 'broker-test-'));
  let rig: RigFile | undefined;
  try {
    rig = await startRig(join(folder, 'rig.json'), { report: progress });
    progress(
      `built, ${Object.keys(rig.facts).length - 2} servers up in ${((Date.now() - started) / 1000).toFixed(1)} s`,
    );
    return stop.signal.aborted ? 130 : await runTests(files, join(folder, 'rig.json'));
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  } finally {
    if (rig) await stopRig(rig.state);
    await rm(folder, { recursive: true, force: true });
  }
}

async function runTests(files: readonly string[], rigFile: string): Promise<number> {
  const node = values.node ?? process.execPath;
  const options = [
    '--import',
    'tsx',
    '--test',
    '--test-reporter=spec',
    '--test-concurrency=2',
    `--test-timeout=${LONGEST_FILE_MS}`,
  ];
  const child = spawn(node, [...options, ...files], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      BROKER_RIG: rigFile,
      PATH: [dirname(node), process.env.PATH].join(delimiter), // programs that tests start use the same Node
      ...(process.stdout.isTTY && { FORCE_COLOR: '1' }),
    },
  });
  const limit = setTimeout(() => stop.abort('SIGTERM'), LONGEST_RUN_MS);
  stop.signal.addEventListener('abort', () => end(child));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    process.stdout.write(chunk);
    output = (output + chunk.toString()).slice(-1_000_000); // the summary may stand above the list of failures
  });
  const closed = once(child, 'close');
  const [code] = await once(child, 'exit');
  const leftBehind = setTimeout(() => child.stdout.destroy(), LAST_WORDS_MS); // which closes it
  await closed;
  clearTimeout(leftBehind);
  clearTimeout(limit);
  if (stop.signal.aborted) return fail(`ended by ${stop.signal.reason}`, 130);
  if (code !== 0) return code ?? 1;
  const complaint = objection(summaryOf(output));
  return complaint === undefined ? 0 : fail(complaint);
}

/** The runner ends its test files on SIGTERM; one that does not listen is ended for good. */
function end(child: ChildProcess): void {
  child.kill('SIGTERM');
  setTimeout(() => child.kill('SIGKILL'), 5_000).unref();
}

function progress(message: string): void {
  process.stderr.write(`${message}\n`);
}

function fail(message: string, code = 1): number {
  process.stderr.write(`npm test: ${message}\n`);
  return code;
}
