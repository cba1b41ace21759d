import type { Conn } from '../../core/conn.ts';
import { Secret } from '../../core/secret.ts';
import { MAX_COMMAND_BYTES } from './wire.ts';

/** What a client presented, or what it is answered instead: the login goes on, or another command comes. */
export type Presented =
  | { readonly type: 'password'; readonly password: Secret }
  | { readonly type: 'no'; readonly reply: string };

const NO = (reply: string): Presented => ({ type: 'no', reply });

/**
 * A client's AUTH PLAIN or AUTH LOGIN, each with and without initial response (RFC 4954 §4).
 * @param rest what stood behind AUTH.
 */
export async function readAuth(conn: Conn, rest: string, signal: AbortSignal): Promise<Presented> {
  const [mechanism = '', initial, ...more] = rest.split(/ +/);
  if (more.length > 0) return NO('501 5.5.4 broker: AUTH takes a mechanism and a response');
  switch (mechanism.toUpperCase()) {
    case 'PLAIN': {
      const response = initial ?? (await prompt(conn, '', signal));
      const message = decode(response);
      const first = message?.indexOf(0) ?? -1;
      const second = first < 0 ? -1 : (message?.indexOf(0, first + 1) ?? -1);
      if (!message || second < 0) return refused(response);
      return { type: 'password', password: Secret.copy(message.subarray(second + 1)) };
    }
    case 'LOGIN': {
      const user = initial ?? (await prompt(conn, 'Username:', signal));
      if (!decode(user)) return refused(user);
      const response = await prompt(conn, 'Password:', signal);
      const password = decode(response);
      return password ? { type: 'password', password: Secret.copy(password) } : refused(response);
    }
    default:
      return NO('504 5.5.4 broker: PLAIN and LOGIN are offered here');
  }
}

function refused(response: string): Presented {
  return NO(response === '*' ? '501 5.7.0 broker: cancelled' : '501 5.5.2 broker: that response cannot be read');
}

async function prompt(conn: Conn, question: string, signal: AbortSignal): Promise<string> {
  await conn.write(Buffer.from(`334 ${Buffer.from(question).toString('base64')}\r\n`), signal);
  return (await conn.line(MAX_COMMAND_BYTES, signal)).toString('latin1').replace(/\r?\n$/, '');
}

/** Base64, or `=` for nothing. */
function decode(text: string): Buffer | undefined {
  if (text === '=' || text === '') return Buffer.alloc(0);
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined;
}
