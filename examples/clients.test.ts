import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { rig } from '../test/support/rig.ts';
import { ROOT, type Workspace, workspace } from './support/workspace.ts';

const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'authbroker-clients');
const GO_TOOLS = [
  'google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.10',
  'google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.5.1',
];
const GO_PACKAGE = 'Mbroker/v1/sessions.proto=example.test/broker/gen/broker/v1';

test('a Python program opens a session, queries it with psycopg and closes it', async () => {
  await using place = await workspace('python');
  const python = await pythonWithTools(place);
  await place.exec(python, protoc(['--python_out=.', '--grpc_python_out=.']), { cwd: place.folder });
  const output = await place.exec(python, ['query.py', 'app-db'], { cwd: place.folder, env: place.env });
  assert.equal(output, `python: ${rig().postgres.logins.scram.user} 42\n`);
});

test('a Python program is told which services it may use when it asks for another', async () => {
  await using place = await workspace('python');
  const python = await pythonWithTools(place);
  await place.exec(python, protoc(['--python_out=.', '--grpc_python_out=.']), { cwd: place.folder });
  const failed = place.exec(python, ['query.py', 'nope'], { cwd: place.folder, env: place.env });
  await assert.rejects(failed, {
    stderr: /^NOT_FOUND: there is no service nope that you may use; you may use: app-db$/m,
  });
});

test('a Go program opens a session, queries it with pgx and closes it', async () => {
  await using place = await workspace('go');
  const python = await pythonWithTools(place);
  const tools = join(CACHE, 'go-tools');
  for (const tool of GO_TOOLS) await place.exec('go', ['install', tool], { env: { ...process.env, GOBIN: tools } });
  await mkdir(join(place.folder, 'gen'));
  const out = ['--go_out=gen', '--go_opt=paths=source_relative', `--go_opt=${GO_PACKAGE}`];
  const grpc = ['--go-grpc_out=gen', '--go-grpc_opt=paths=source_relative', `--go-grpc_opt=${GO_PACKAGE}`];
  const path = [tools, process.env.PATH].join(delimiter);
  await place.exec(python, protoc([...out, ...grpc]), { cwd: place.folder, env: { ...process.env, PATH: path } });
  const output = await place.exec('go', ['run', '.', 'app-db'], { cwd: place.folder, env: place.env });
  assert.equal(output, `go: ${rig().postgres.logins.scram.user} 42\n`);
});

/** The compiler that comes with grpcio-tools, which serves Go's plugins too. */
function protoc(flags: readonly string[]): string[] {
  return ['-m', 'grpc_tools.protoc', '-I', join(ROOT, 'proto'), ...flags, 'broker/v1/sessions.proto'];
}

/** A virtual environment with the example's requirements, made once per version of them. */
async function pythonWithTools(place: Workspace): Promise<string> {
  const requirements = join(ROOT, 'examples/python/requirements.txt');
  const print = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  const folder = join(CACHE, `python-${print}`);
  const python = join(folder, 'bin/python');
  if (existsSync(join(folder, 'complete'))) return python;
  await mkdir(CACHE, { recursive: true });
  await place.exec('python3', ['-m', 'venv', '--clear', folder]);
  await place.exec(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements]);
  await place.exec('touch', [join(folder, 'complete')]);
  return python;
}
