import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePorts } from '../rig/port.ts';
import { rig } from '../support/rig.ts';
import { ROOT } from './blocks.ts';

/** What a block wrote, both outputs in the order in which they came, and how it ended. */
export interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** Somebody who follows a page from its top, on a machine of their own: one folder, one shell, one daemon. */
export interface Reader extends AsyncDisposable {
  run(script: string): Promise<Outcome>;
  /** An output as the pages print it: names instead of the rig's addresses. */
  asPrinted(output: string): string;
}

/** Where the pages find the HTTP side. */
const PORT = '127.0.0.1:8390';
/** Milliseconds after which a block is ended: nothing that a page prints takes so long. */
const BLOCK_MS = 60_000;

/** What pages call the rig's servers. Left as printed, right as run. */
function substitutions(): [string | RegExp, string][] {
  const { postgres, redis, dovecot, postfix, openssh } = rig();
  return [
    [/--host web\.example(?! --port)/g, `--host 127.0.0.1 --port ${openssh.port}`],
    [/--user deploy(?![\w-])/g, `--user ${openssh.logins.ssh.user}`],
    [/--host db\.example(?! --port)/g, `--host localhost --port ${postgres.port}`],
    [/--host cache\.example(?! --port)/g, `--host localhost --port ${redis.tlsPort}`],
    [/--host imap\.example(?! --port)/g, `--host localhost --port ${dovecot.tlsPort}`],
    [/--host smtp\.example(?! --port)/g, `--host localhost --port ${postfix.port}`],
    [/--user app(?![\w-])/g, `--user ${postgres.logins.scram.user}`],
  ];
}

/** And the other way round, in what comes back. */
function names(home: string): [string | RegExp, string][] {
  const { postgres, redis, dovecot, postfix, openssh } = rig();
  return [
    [`127.0.0.1:${openssh.port}`, 'web.example:22'],
    [`localhost:${postgres.port}`, 'db.example:5432'],
    [`localhost:${redis.tlsPort}`, 'cache.example:6379'],
    [`localhost:${dovecot.tlsPort}`, 'imap.example:993'],
    [`localhost:${postfix.port}`, 'smtp.example:587'],
    [new RegExp(`\\b${postgres.logins.scram.user}\\b`, 'g'), 'app'],
    [/127\.0\.0\.1:\d+(?=\/proxy\/)/g, '127.0.0.1:8390'],
    [new RegExp(home, 'g'), '/home/you'],
  ];
}

export async function reader(): Promise<Reader> {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'brk-')));
  const state = join(home, '.reader');
  await furnish(home);
  const [httpPort = 0] = await freePorts(1);
  const env: NodeJS.ProcessEnv = {
    PATH: [join(home, '.bin'), dirname(process.execPath), process.env.PATH].join(':'),
    HOME: home,
    // Answers what a person would be asked for.
    BROKER_PASSWORD_FILE: join(home, '.master'),
    // Two daemons cannot share a port; of the one for HTTP the pages show the default.
    BROKER_GRPC: 'off',
    BROKER_HTTP: `127.0.0.1:${httpPort}`,
  };
  const shell = async (script: string): Promise<Outcome> => {
    const kept = existsSync(state) ? `. '${state}'\n` : '';
    const whole = `${kept}trap 'export -p > "${state}"; printf "cd %q\\n" "$PWD" >> "${state}"' EXIT\nset -eo pipefail\n${script}`;
    const child = spawn('bash', ['-c', `exec 2>&1\n${whole}`], {
      cwd: home,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const limit = setTimeout(() => child.kill('SIGKILL'), BLOCK_MS);
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    const [code] = await once(child, 'close');
    clearTimeout(limit);
    return { code: typeof code === 'number' ? code : 1, output: Buffer.concat(chunks).toString('utf8') };
  };
  return {
    run: (script) => shell(replaceAll(script, [...substitutions(), [PORT, `127.0.0.1:${httpPort}`]])),
    asPrinted: (output) => replaceAll(output, [...names(home), [`127.0.0.1:${httpPort}`, PORT]]),
    async [Symbol.asyncDispose]() {
      await shell('unset BROKER_TOKEN BROKER_ADDR; broker down || true');
      // The daemon has answered, and may still be closing its files.
      await rm(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}

/** The command, the master password, and the files that the pages say to have at hand. */
async function furnish(home: string): Promise<void> {
  const { postgres, redis, dovecot, postfix, openssh } = rig();
  await mkdir(join(home, '.bin'));
  const entry = `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, entryPoint())}' "$@"\n`;
  await writeFile(join(home, '.bin/broker'), entry, { mode: 0o755 });
  const files = {
    '.master': 'correct horse battery staple\n',
    'app-db.password': `${postgres.logins.scram.password}\n`,
    'new.password': `${postgres.logins.scram.password}\n`,
    'wrong.password': 'not the password\n',
    'openai.key': 'sk-proj-0123456789abcdefghij\n',
    'ca.pem': postgres.ca.cert,
    'cache.password': `${redis.logins.app.password}\n`,
    'alice.password': `${dovecot.logins.alice.password}\n`,
    'bob.password': `${postfix.logins.bob.password}\n`,
    'deploy.key': readFileSync(openssh.userKey, 'utf8'),
    'web.example.pub': readFileSync(openssh.hostKey, 'utf8'),
    'new-master.password': 'battery staple horse correct\n',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(home, name), text, { mode: 0o600 });
}

/** The file that the installed command is. */
function entryPoint(): string {
  const manifest: { bin?: { broker?: string } } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return manifest.bin?.broker ?? 'dist/cli/main.js';
}

function replaceAll(text: string, pairs: readonly [string | RegExp, string][]): string {
  return pairs.reduce(
    (so, [from, to]) => so.replaceAll(from instanceof RegExp ? from : new RegExp(from, 'g'), to),
    text,
  );
}
