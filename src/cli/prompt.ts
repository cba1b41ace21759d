import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { BrokerError } from '../core/errors.ts';
import { withoutLineEnd } from '../core/fileref.ts';
import { Secret } from '../core/secret.ts';
import { unreadable } from './reason.ts';

/** The person's terminal, whatever standard input and output are connected to: a pipe into `--password-stdin` must not keep us from asking. */
const TERMINAL = '/dev/tty';

/** Whether there is a terminal to ask on. */
export function canPrompt(): boolean {
  const fd = openTerminal();
  if (fd === undefined) return process.stdin.isTTY === true;
  closeSync(fd);
  return true;
}

/**
 * Asks on the terminal without echo. The bytes go from the terminal into a Buffer, never into a string.
 * @throws BrokerError `invalid_argument` when there is no terminal, `cancelled` on Ctrl-C or Ctrl-D on an empty line.
 */
export async function promptSecret(question: string): Promise<Secret> {
  const fd = openTerminal();
  if (fd === undefined && !process.stdin.isTTY) {
    throw new BrokerError('invalid_argument', `${question}: there is no terminal to ask on`, {
      hint: 'give it by file, by standard input or by environment (see --help)',
    });
  }
  const input = fd === undefined ? process.stdin : new ReadStream(fd);
  const write = (text: string): void => void (fd === undefined ? process.stderr.write(text) : writeSync(fd, text));
  // Raw before the question: what is typed the moment it appears must not be echoed.
  input.setRawMode(true);
  write(`${question}: `);
  const bytes: number[] = [];
  try {
    for (;;) {
      const chunk = await nextChunk(input);
      for (const byte of chunk) {
        if (byte === 13 || byte === 10) return Secret.own(Buffer.from(bytes));
        if (byte === 3 || (byte === 4 && bytes.length === 0)) throw new BrokerError('cancelled', 'cancelled');
        if (byte === 127 || byte === 8) eraseCharacter(bytes);
        else if (byte === 21) bytes.length = 0;
        else if (byte >= 32) bytes.push(byte);
      }
      chunk.fill(0);
    }
  } finally {
    bytes.fill(0);
    input.setRawMode(false);
    write('\n');
    if (fd === undefined) input.pause();
    else input.destroy();
  }
}

/** Asks on the terminal, with echo. @throws BrokerError as promptSecret. */
export async function promptLine(question: string): Promise<string> {
  const fd = openTerminal();
  const input = fd === undefined ? process.stdin : new ReadStream(fd);
  const write = (text: string): void => void (fd === undefined ? process.stderr.write(text) : writeSync(fd, text));
  write(`${question}: `);
  try {
    let line = '';
    // The terminal gives whole lines; a long one may come in parts.
    while (!/[\r\n]$/.test(line)) line += (await nextChunk(input)).toString('utf8');
    return line.trim();
  } finally {
    if (fd === undefined) input.pause();
    else input.destroy();
  }
}

/** Asks twice. @throws BrokerError `invalid_argument` when the answers differ. */
export async function promptNewSecret(question: string): Promise<Secret> {
  const first = await promptSecret(question);
  using second = await promptSecret(`${question} (again)`);
  if (first.equals(second)) return first;
  first[Symbol.dispose]();
  throw new BrokerError('invalid_argument', 'the two passwords differ');
}

/** Standard input to its end, without a final line end; on a terminal one line of it, asked for without echo. */
export async function readStdinSecret(question: string): Promise<Secret> {
  return process.stdin.isTTY ? await promptSecret(question) : Secret.own(await readStdin());
}

/** Standard input to its end, without a final line end. */
export async function readStdin(): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(Buffer.from(part));
  return withoutLineEnd(Buffer.concat(parts));
}

/** A file's content as a secret, without a final line end. @throws BrokerError `invalid_argument`. */
export function readSecretFile(path: string, what: string): Secret {
  return Secret.own(withoutLineEnd(readBytes(path, what)));
}

/** A key file's content as it is: every byte counts, as it does for the daemon. @throws BrokerError `invalid_argument`. */
export function readKeyFile(path: string): Secret {
  return Secret.own(readBytes(path, 'key'));
}

function readBytes(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw unreadable(path, cause, `the ${what} from`);
  }
}

function openTerminal(): number | undefined {
  try {
    return openSync(TERMINAL, 'r+');
  } catch {
    return undefined; // no controlling terminal (a service, a container, a job): nobody to ask there
  }
}

function nextChunk(input: NodeJS.ReadStream | ReadStream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new BrokerError('cancelled', 'the terminal was closed'));
    input.once('end', ended);
    input.once('error', ended);
    input.once('data', (chunk: Buffer) => {
      input.off('end', ended);
      input.off('error', ended);
      input.pause();
      resolve(chunk);
    });
    input.resume();
  });
}

/** Removes the last UTF-8 character. */
function eraseCharacter(bytes: number[]): void {
  for (let last = bytes.pop(); last !== undefined && (last & 0xc0) === 0x80; ) last = bytes.pop();
}
