import { readFileSync } from 'node:fs';
import { BrokerError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';

/**
 * Asks on the terminal without echo. The bytes go from the terminal into a Buffer, never into a string.
 * @throws BrokerError `invalid_argument` when there is no terminal, `cancelled` on Ctrl-C or Ctrl-D on an empty line.
 */
export async function promptSecret(question: string): Promise<Secret> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) {
    throw new BrokerError('invalid_argument', `${question}: there is no terminal to ask on`, {
      hint: 'give it by file, by standard input or by environment (see --help)',
    });
  }
  stderr.write(`${question}: `);
  stdin.setRawMode(true);
  stdin.resume();
  const bytes: number[] = [];
  try {
    for (;;) {
      const chunk = await new Promise<Buffer>((resolve) => stdin.once('data', resolve));
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
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
    bytes.fill(0);
  }
}

/** Asks twice. @throws BrokerError `invalid_argument` when the answers differ. */
export async function promptNewSecret(question: string): Promise<Secret> {
  const first = await promptSecret(question);
  using second = await promptSecret(`${question} (again)`);
  if (!first.equals(second)) throw new BrokerError('invalid_argument', 'the two passwords differ');
  return first;
}

/** Standard input to its end, without a final line end. */
export async function readStdin(): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(Buffer.from(part));
  return withoutLineEnd(Buffer.concat(parts));
}

/** A file's content as a secret, without a final line end. @throws BrokerError `invalid_argument`. */
export function readSecretFile(path: string, what: string): Secret {
  try {
    return Secret.own(withoutLineEnd(readFileSync(path)));
  } catch (cause) {
    throw new BrokerError('invalid_argument', `cannot read the ${what} from ${path}`, { cause });
  }
}

export function withoutLineEnd(bytes: Buffer): Buffer {
  let end = bytes.length;
  if (end > 0 && bytes[end - 1] === 10) end--;
  if (end > 0 && bytes[end - 1] === 13) end--;
  return Buffer.from(bytes.subarray(0, end));
}

/** Removes the last UTF-8 character. */
function eraseCharacter(bytes: number[]): void {
  for (let last = bytes.pop(); last !== undefined && (last & 0xc0) === 0x80; ) last = bytes.pop();
}
