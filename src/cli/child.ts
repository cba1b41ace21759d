import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { BrokerError } from '../core/errors.ts';
import { NO_SUCH_COMMAND, NOT_EXECUTABLE, OWN_FAILURE } from './exitcode.ts';

/**
 * Runs a local command on our own standard streams and waits for it.
 * @returns its exit code; 128 and the signal's number where a signal ended it; 126 or 127 where it cannot be run, as a
 *   shell says it.
 */
export async function runChild(command: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [file = '', ...args] = command;
  // What the terminal sends (Ctrl-C, Ctrl-\) reaches the child by itself: it decides what that means.
  const ignore = (): void => undefined;
  // Listened to before the child is there: it may run, and be sent a signal, before spawn has returned to us.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.on(signal, ignore);
  let child: ChildProcess | undefined;
  const forward = (signal: NodeJS.Signals): void => void child?.kill(signal);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, forward);
  try {
    const started = spawn(file, args, { stdio: 'inherit', env });
    child = started;
    return await new Promise<number>((resolve, reject) => {
      started.on('error', (cause: NodeJS.ErrnoException) => reject(cannotRun(file, cause)));
      started.on('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
  } finally {
    for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.off(signal, ignore);
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.off(signal, forward);
  }
}

/** A command that cannot be run, with the code that a shell would exit with. */
export class CommandError extends BrokerError {
  readonly exitCode: number;

  constructor(exitCode: number, message: string, cause: unknown) {
    super('invalid_argument', message, { cause });
    this.exitCode = exitCode;
  }
}

function cannotRun(file: string, cause: NodeJS.ErrnoException): CommandError {
  if (cause.code === 'ENOENT') return new CommandError(NO_SUCH_COMMAND, `${file}: there is no such command`, cause);
  if (cause.code === 'EACCES') return new CommandError(NOT_EXECUTABLE, `${file}: this cannot be executed`, cause);
  return new CommandError(OWN_FAILURE, `${file} cannot be started (${cause.code ?? 'unknown error'})`, cause);
}
