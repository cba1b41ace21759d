import { spawn } from 'node:child_process';

/** One command of a transcript, with what it must print and how it must end. */
export interface Step {
  readonly line: number;
  /** `run`: a command; `env`: sets a variable for the steps behind it, its value expanded by the shell. */
  readonly type: 'run' | 'env';
  readonly text: string;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly exitCode: number;
}

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** A command that takes longer is stuck: it waits for a person, or for a server that is not there. */
const LONGEST_STEP_MS = 90_000;

/**
 * Reads a transcript:
 *
 *     # a comment
 *     env NAME=VALUE               a variable for the steps behind it
 *     $ broker postgres nope       a command, run by bash; lines that end in \ go on
 *     > text                       a line of its standard output
 *     ! text                       a line of its standard error
 *     [5]                          its exit code, where that is not 0
 *
 * Output must match to the last line: what a step does not show, the command must not print. In a shown line `...`
 * stands for any text, a line of `...` alone for any number of lines, and $NAME for a variable.
 * @throws Error for a line that is none of these.
 */
export function parseTranscript(source: string): Step[] {
  const steps: (Step & { stdout: string[]; stderr: string[]; exitCode: number })[] = [];
  const lines = source.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const number = at + 1;
    let text = lines[at] ?? '';
    while (text.startsWith('$ ') && text.endsWith('\\')) text = `${text.slice(0, -1)}${(lines[++at] ?? '').trim()}`;
    const step = steps.at(-1);
    const [, exitCode] = /^\[(\d+)\]$/.exec(text) ?? [];
    if (text === '' || text.startsWith('#')) continue;
    if (text.startsWith('$ '))
      steps.push({ line: number, type: 'run', text: text.slice(2), stdout: [], stderr: [], exitCode: 0 });
    else if (text.startsWith('env '))
      steps.push({ line: number, type: 'env', text: text.slice(4), stdout: [], stderr: [], exitCode: 0 });
    else if (step?.type === 'run' && /^> ?/.test(text)) step.stdout.push(text.slice(2));
    else if (step?.type === 'run' && /^! ?/.test(text)) step.stderr.push(text.slice(2));
    else if (step?.type === 'run' && exitCode !== undefined) step.exitCode = Number(exitCode);
    else throw new Error(`line ${number} of the transcript is nothing that is known: ${text}`);
  }
  return steps;
}

/** Plays the steps in `cwd`. @returns a report for each step that went otherwise; empty when all is as it should be. */
export async function playTranscript(
  steps: readonly Step[],
  cwd: string,
  environment: Readonly<Record<string, string>>,
): Promise<string[]> {
  const env: Record<string, string> = { ...environment };
  const reports: string[] = [];
  for (const step of steps) {
    if (step.type === 'env') {
      const [, name = '', value = ''] = /^([A-Z_]+)=(.*)$/s.exec(step.text) ?? [];
      const { stdout, stderr, exitCode } = await shell(`value=${value} && printf %s "$value"`, cwd, env);
      if (exitCode !== 0) reports.push(`line ${step.line}: env ${step.text}\n${stderr}`);
      if (value === '') delete env[name];
      else env[name] = stdout;
      continue;
    }
    const outcome = await shell(step.text, cwd, env);
    const wrong = [
      ...difference('standard output', step.stdout, outcome.stdout, env),
      ...difference('standard error', step.stderr, outcome.stderr, env),
      ...(outcome.exitCode === step.exitCode ? [] : [`exit code ${outcome.exitCode} instead of ${step.exitCode}`]),
    ];
    if (wrong.length > 0) reports.push(`line ${step.line}: $ ${step.text}\n${wrong.join('\n')}`);
  }
  return reports;
}

function difference(what: string, shown: readonly string[], text: string, env: Readonly<Record<string, string>>) {
  const lines = text === '' ? [] : text.replace(/\r\n/g, '\n').replace(/\n$/, '').split('\n');
  const pattern = shown.map((line) => (line === '...' ? '(?:[^\\n]*\\n)*' : `${patternOf(line, env)}\\n`)).join('');
  if (new RegExp(`^${pattern}$`).test(lines.map((line) => `${line}\n`).join(''))) return [];
  return [`${what} was`, ...lines.map((line) => `    ${line}`), '  instead of', ...shown.map((line) => `    ${line}`)];
}

function patternOf(line: string, env: Readonly<Record<string, string>>): string {
  const filled = line.replace(/\$([A-Z_]+)/g, (all, name: string) => env[name] ?? all);
  return filled
    .split('...')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^\\n]*');
}

/** Runs a line in a session of its own: without a terminal there is nobody that it could ask. */
function shell(text: string, cwd: string, env: Readonly<Record<string, string>>): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', text], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const parts: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
    child.stdout.on('data', (part: Buffer) => parts.stdout.push(part));
    child.stderr.on('data', (part: Buffer) => parts.stderr.push(part));
    const limit = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), LONGEST_STEP_MS);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(limit);
      const text = (name: 'stdout' | 'stderr'): string => Buffer.concat(parts[name]).toString('utf8');
      resolve({ stdout: text('stdout'), stderr: text('stderr'), exitCode: code ?? 255 });
    });
  });
}
