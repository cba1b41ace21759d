import { constants } from 'node:os';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { BrokerError } from '../../core/errors.ts';
import type { ExecRequest } from '../../core/proto/broker/v1/ExecRequest.ts';
import type { ExecResponse__Output } from '../../core/proto/broker/v1/ExecResponse.ts';
import { fromServiceError } from '../connect.ts';
import { durationMessage } from '../duration.ts';
import { findDaemon, openClient } from '../place.ts';

export interface ExecFlags {
  readonly timeout?: string;
  readonly tty?: boolean;
  readonly reason?: string;
}

type Call = ClientDuplexStream<ExecRequest, ExecResponse__Output>;

/**
 * `broker exec NAME -- CMD ARG ...`: the command's streams are ours, byte for byte, and so is its exit code.
 * @returns its code; 128 and the signal's number where a signal ended it; 130 and 143 when we were interrupted.
 * @throws BrokerError of broker itself, or of the session.
 */
export async function exec(service: string, argv: readonly string[], flags: ExecFlags): Promise<number> {
  if (argv.length === 0)
    throw new BrokerError('invalid_argument', 'there is no command', { hint: `broker exec ${service} -- COMMAND ...` });
  const { stdin, stdout } = process;
  const terminal = flags.tty ? { columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 } : undefined;
  const timeout = durationMessage(flags.timeout, '--timeout');
  using client = openClient();
  const call = client.ssh.exec();
  call.write({
    start: {
      service,
      argv: [...argv],
      reason: flags.reason ?? '',
      ...(timeout && { timeout }),
      ...(terminal && { terminal, terminalType: process.env.TERM ?? 'xterm' }),
    },
  });
  let interrupted: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals): void => {
    interrupted = signal;
    call.cancel();
  };
  const resize = (): void => void call.write({ resize: { columns: stdout.columns, rows: stdout.rows } });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  if (terminal) stdout.on('resize', resize);
  if (terminal && stdin.isTTY) stdin.setRawMode(true);
  try {
    send(call);
    return await receive(call, findDaemon().address);
  } catch (error) {
    if (interrupted) return 128 + constants.signals[interrupted];
    throw error;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, interrupt);
    stdout.off('resize', resize);
    if (terminal && stdin.isTTY) stdin.setRawMode(false);
    stdin.destroy();
  }
}

function send(call: Call): void {
  const { stdin } = process;
  stdin.on('data', (bytes: Buffer) => {
    if (call.write({ stdin: bytes })) return;
    stdin.pause();
    call.once('drain', () => stdin.resume());
  });
  stdin.on('end', () => void call.write({ endOfInput: true }));
  stdin.on('error', () => call.cancel());
}

/** @returns the exit code, when all output is written. */
function receive(call: Call, address: string): Promise<number> {
  let code: number | undefined;
  const print = (to: NodeJS.WriteStream, bytes: Buffer): void => {
    if (to.write(bytes)) return;
    call.pause();
    to.once('drain', () => call.resume());
  };
  return new Promise((resolve, reject) => {
    call.on('data', ({ stdout, stderr, exit }: ExecResponse__Output) => {
      if (stdout) print(process.stdout, stdout);
      else if (stderr) print(process.stderr, stderr);
      else if (exit) code = exit.signal ? 128 + signalNumber(exit.signal) : exit.code;
    });
    // A reader that has left (`| head`) ends the command, as it would a local one.
    process.stdout.on('error', () => call.cancel());
    call.on('error', (error) => reject(fromServiceError(error, address)));
    call.on('end', () => {
      if (code !== undefined) resolve(code);
    });
  });
}

function signalNumber(name: string): number {
  return Object.entries(constants.signals).find(([known]) => known === `SIG${name}`)?.[1] ?? 0;
}
