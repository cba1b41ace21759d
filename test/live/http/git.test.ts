import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Upstream } from '../../support/httpworld.ts';
import { KEY, PresetWorld } from '../../support/presetworld.ts';

/* The real git, with the variables that `broker env` prints, against its own http-backend behind TLS and a password. */

const run = promisify(execFile);
const AUTHOR = ['-c', 'user.name=A', '-c', 'user.email=a@example.com'];
let folder: string;
let world: PresetWorld;
let upstream: Upstream;
let env: NodeJS.ProcessEnv;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'broker-git-'));
  const bare = join(folder, 'o', 'r.git');
  const seed = join(folder, 'seed');
  const plain = { PATH: process.env.PATH, HOME: folder, GIT_CONFIG_NOSYSTEM: '1' };
  const git = (...args: string[]): Promise<unknown> => run('git', args, { env: plain });
  await git('init', '-q', '--bare', '-b', 'main', bare);
  await git('-C', bare, 'config', 'http.receivepack', 'true');
  await git('clone', '-q', bare, seed);
  await writeFile(join(seed, 'README.md'), 'hello from upstream\n');
  await git('-C', seed, 'add', '.');
  await git('-C', seed, ...AUTHOR, 'commit', '-qm', 'first');
  await git('-C', seed, 'push', '-q', 'origin', 'HEAD:main');
  world = await PresetWorld.start();
  upstream = await Upstream.start(backend, world.http.certificates.server);
  env = { ...plain, ...(await world.add('github-git', upstream)).env };
});
after(async () => {
  await upstream?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** git-http-backend(1) as the CGI program that it is (RFC 3875), for whoever knows the password. */
function backend(request: IncomingMessage, response: ServerResponse): void {
  const { url = '', method, headers } = request;
  if (headers.authorization !== `Basic ${Buffer.from(`x-access-token:${KEY}`).toString('base64')}`) {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    return;
  }
  const [path = '', query = ''] = url.split('?');
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      REMOTE_USER: 'x-access-token',
      REQUEST_METHOD: method,
      PATH_INFO: path,
      QUERY_STRING: query,
      CONTENT_TYPE: headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  request.pipe(child.stdin);
  child.stdin.on('error', () => undefined); // it has read what it wanted
  let head = Buffer.alloc(0);
  const begin = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    child.stdout.off('data', begin);
    for (const line of head.subarray(0, end).toString().split('\r\n')) {
      const [name = '', value = ''] = line.split(': ');
      if (name === 'Status') response.statusCode = Number(value.slice(0, 3));
      else response.setHeader(name, value);
    }
    response.write(head.subarray(end + 4));
    child.stdout.pipe(response);
  };
  child.stdout.on('data', begin);
}

test('git clones and pushes by the usual address, and never holds the credential', async () => {
  const clone = join(folder, 'clone');
  const { stderr } = await run('git', ['clone', '-v', `${upstream.secure}/o/r.git`, clone], { env });
  assert.doesNotMatch(stderr, new RegExp(KEY));
  assert.equal(await readFile(join(clone, 'README.md'), 'utf8'), 'hello from upstream\n');
  // The remote stays what it was: the way through broker is in the environment alone.
  assert.match(await readFile(join(clone, '.git', 'config'), 'utf8'), new RegExp(`url = ${upstream.secure}/o/r.git`));
  await writeFile(join(clone, 'big.bin'), Buffer.alloc(3_000_000, 'x'));
  await writeFile(join(clone, 'new.txt'), 'new\n');
  await run('git', ['-C', clone, 'add', '.'], { env });
  await run('git', ['-C', clone, ...AUTHOR, 'commit', '-qm', 'second'], { env });
  await run('git', ['-C', clone, 'push', '-q', 'origin', 'HEAD:main'], { env });
  const { stdout } = await run('git', ['--git-dir', join(folder, 'o', 'r.git'), 'show', 'main:new.txt']);
  assert.equal(stdout, 'new\n');
});

test('without them the same git gets nowhere', async () => {
  const bare = { PATH: env.PATH, HOME: folder, GIT_TERMINAL_PROMPT: '0', GIT_SSL_NO_VERIFY: '1' };
  await assert.rejects(
    run('git', ['ls-remote', `${upstream.secure}/o/r.git`], { env: bare }),
    /could not read Username/,
  );
});
