import assert from 'node:assert/strict';
import { appendFile, chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { login, type SshLogin } from '../../../src/drivers/ssh/client.ts';
import { decide, readPolicy, type SshPolicy } from '../../../src/drivers/ssh/policy.ts';
import { testIo } from '../../support/io.ts';
import { rig } from '../../support/rig.ts';
import { rigConfig } from '../../support/sshd.ts';
import { commandLine, random } from './lines.ts';

/**
 * Proof for the allowlist: whatever passes the gate yields, under the real shell of a real sshd, exactly the words that
 * were allowed. BROKER_FUZZ_CASES (1000) lines from BROKER_FUZZ_SEED on; `npm run test:long` takes 100,000. A line that
 * fails is added to cases.txt, whose lines are tried first on every run.
 */
const CASES = Number(process.env.BROKER_FUZZ_CASES ?? 1_000);
const SEED = Number(process.env.BROKER_FUZZ_SEED ?? Date.now() % 1_000_000_000);
const SAVED = join(import.meta.dirname, 'cases.txt');
/** Channels at a time: OpenSSH takes 10, and counts one until its process is reaped. */
const PARALLEL = 4;
/** Of the lines that pass, so many are also run as they came: the grammar must not read them otherwise than a shell. */
const AS_THEY_CAME = 300;

let program: string;
let upstream: SshLogin;
before(async () => {
  program = join(rig().openssh.directory, 'words');
  await writeFile(program, '#!/bin/sh\nfor word; do printf \'%s\\0\' "$word"; done\n');
  await chmod(program, 0o755);
  upstream = await login(await rigConfig(), testIo(), AbortSignal.timeout(20_000));
});
after(() => upstream.socket.destroy());

function policies(): SshPolicy[] {
  const none = { sftp_read: [], sftp_write: [], allow_shell: false, allow_pty: false };
  const more = { ...none, allow_env: [], allow_subsystems: [], allow_agent: false, allow_forward: [] };
  const of = (allowed_commands: string[], allow_any_command: boolean, posix_shell: boolean): SshPolicy =>
    readPolicy({ ...more, allowed_commands, allow_any_command, posix_shell });
  return [
    of([`${program} **`], false, false),
    of([`${program} -**`], false, true),
    of([`${program} * *`, `${program} {a,b} /srv/*`, `${program} -* *`, `${program}`], false, false),
    of([], true, true),
    of([], true, false),
  ];
}

/** Runs a command on the server. @returns the words that the program there got. */
function words(command: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    upstream.client.exec(command, (error, channel) => {
      if (error) return reject(error);
      const out: Buffer[] = [];
      let complaints = '';
      channel.on('data', (chunk: Buffer) => out.push(chunk));
      channel.stderr.on('data', (chunk: Buffer) => {
        complaints += chunk;
      });
      channel.on('close', (code: number | null) => {
        // The rig's user has no home, of which sshd itself complains.
        const said = complaints.replace(/^Could not chdir to home directory.*\r?\n/, '');
        if (code !== 0 || said !== '') return reject(new Error(`exit ${code}: ${complaints}`));
        resolve(Buffer.concat(out).toString('utf8').split('\0').slice(0, -1));
      });
    });
  });
}

async function prove(line: string, asItCame: boolean): Promise<boolean> {
  const sent = new Set<string>();
  for (const policy of policies()) {
    const decision = decide(policy, { type: 'exec', line });
    // Only our own program is ever run: with any command allowed the line may name whatever it likes.
    if (!decision.allowed || decision.argv?.[0] !== program) continue;
    const { argv, command = '' } = decision;
    if (sent.has(command)) continue;
    assert.deepEqual(await words(command), argv.slice(1));
    if (asItCame && sent.size === 0) assert.deepEqual(await words(line), argv.slice(1));
    sent.add(command);
  }
  return sent.size > 0;
}

test(`what passes the gate is what a real shell makes of it (${CASES} lines, seed ${SEED})`, async (t) => {
  const saved = (await readFile(SAVED, 'utf8')).split('\n').filter((text) => text !== '');
  const lines = saved.map((text): string => JSON.parse(text).replaceAll('PROGRAM', program));
  let seed = SEED;
  let tried = 0;
  let passed = 0;
  const next = (): string | undefined => {
    if (tried++ < lines.length) return lines[tried - 1];
    return tried <= CASES + lines.length ? commandLine(random(seed++), program) : undefined;
  };
  const worker = async (): Promise<void> => {
    for (let line = next(); line !== undefined; line = next()) {
      try {
        if (await prove(line, passed < AS_THEY_CAME)) passed++;
      } catch (error) {
        await appendFile(SAVED, `${JSON.stringify(line.replaceAll(program, 'PROGRAM'))}\n`);
        throw new Error(`${JSON.stringify(line)}, saved to cases.txt: ${error}`, { cause: error });
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  t.diagnostic(`${passed} of ${CASES + lines.length} lines passed the gate`);
  // A gate that lets nothing pass would prove nothing.
  assert(passed > CASES / 5, `only ${passed} lines passed`);
  assert(passed < CASES * 0.9, `${passed} lines passed`);
});
