import { Duplex, type Readable } from 'node:stream';
import type { ClientChannel, PseudoTtyOptions } from 'ssh2';
import { BrokerError, throwIfAborted, toBrokerError } from '../../core/errors.ts';
import { CommandProblem, quoteArgv } from './argv.ts';
import { ALGORITHMS, library } from './library.ts';
import { chunksOf } from './output.ts';
import { sendSignal } from './packet.ts';

/** A command that runs. */
export interface Running {
  /** Takes input; waits for a command that does not read. */
  write(bytes: Buffer): Promise<void>;
  endOfInput(): void;
  resize(rows: number, columns: number): void;
  signal(name: string): void;
  readonly stdout: AsyncIterable<Buffer>;
  readonly stderr: AsyncIterable<Buffer>;
  /** How it ended: resolves when all output was read. @throws BrokerError `ended` when the session was cut off. */
  readonly ended: Promise<{ readonly code: number } | { readonly signal: string }>;
}

export interface Execution {
  readonly argv: readonly string[];
  readonly terminal?: { readonly rows: number; readonly columns: number; readonly type: string } | undefined;
}

/**
 * Runs one command through a session's stream: the same door, policy and records as a stock client's.
 * @param stream as SessionManager.connect gives it; ended by whoever has it.
 * @throws BrokerError `invalid_argument` for words that cannot be sent; what ended the session; the signal's reason.
 */
export async function execute(stream: Duplex, execution: Execution, signal: AbortSignal): Promise<Running> {
  const command = quoted(execution.argv);
  const { terminal } = execution;
  const pty: PseudoTtyOptions | undefined = terminal && {
    rows: terminal.rows,
    cols: terminal.columns,
    term: terminal.type || 'xterm',
  };
  throwIfAborted(signal);
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    const client = new (library().Client)();
    const aborted = (): void => reject(toBrokerError(signal.reason));
    const cut = (cause?: unknown): void => reject(new BrokerError('ended', 'the session was ended', { cause }));
    signal.addEventListener('abort', aborted, { once: true });
    client.on('error', cut).on('close', () => cut());
    client.on('ready', () => {
      client.exec(command, pty ? { pty } : {}, (error, made) => {
        signal.removeEventListener('abort', aborted);
        if (error) cut(error);
        else resolve(made);
      });
    });
    client.connect({
      sock: deferred(stream) as never,
      username: 'broker',
      readyTimeout: 0,
      algorithms: ALGORITHMS as never,
      // The other end of the stream is this process: it never leaves its memory.
      hostVerifier: () => true,
    });
  });
  return running(channel);
}

/**
 * The same stream, but no write arrives while it is still being made: in memory an answer would come inside of the very
 * call that asked for it, and ssh2 at both ends loses the order of its packets then.
 */
function deferred(stream: Duplex): Duplex {
  const made = new Duplex({
    read: () => void stream.resume(),
    write: (chunk: Buffer, _encoding, done) => process.nextTick(() => stream.write(chunk, () => done())),
    final: (done) => {
      stream.end();
      done();
    },
    destroy: (error, done) => {
      stream.destroy();
      done(error);
    },
  });
  stream.on('data', (chunk: Buffer) => {
    if (!made.push(chunk)) stream.pause();
  });
  stream.on('end', () => made.push(null)).on('close', () => made.destroy());
  return made;
}

function running(channel: ClientChannel): Running {
  let end: { readonly code: number } | { readonly signal: string } | undefined;
  channel.on('exit', (code: number | null, name?: string) => {
    end = code === null ? { signal: (name ?? 'KILL').replace(/^SIG/, '') } : { code };
  });
  const ended = new Promise<{ readonly code: number } | { readonly signal: string }>((resolve, reject) => {
    channel.once('close', () => (end ? resolve(end) : reject(new BrokerError('ended', 'the session was ended'))));
  });
  // Whoever runs it asks for it at last; until then it must not count as unhandled.
  ended.catch(() => undefined);
  channel.on('error', () => undefined);
  const stderr: Readable = channel.stderr;
  return {
    write: (bytes) =>
      new Promise((resolve) => {
        channel.once('close', resolve);
        channel.write(bytes, () => {
          channel.off('close', resolve);
          resolve();
        });
      }),
    endOfInput: () => void channel.end(),
    resize: (rows, columns) => channel.setWindow(rows, columns, 0, 0),
    signal: (name) => void sendSignal(channel, name),
    stdout: chunksOf(channel),
    stderr: chunksOf(stderr),
    ended,
  };
}

/** Whether the words may pass is for the policy to say, which gets the very same ones back. */
function quoted(argv: readonly string[]): string {
  try {
    return quoteArgv(argv, true);
  } catch (error) {
    if (error instanceof CommandProblem) throw new BrokerError('invalid_argument', `the command ${error.message}`);
    throw error;
  }
}
