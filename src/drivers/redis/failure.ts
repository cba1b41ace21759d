import { BrokerError, type ErrorCode } from '../../core/errors.ts';
import { quoteServer } from '../../core/quote.ts';
import type { Secret } from '../../core/secret.ts';
import { errorReply } from './resp.ts';

/** Errors across the protocol: the server's error line as a BrokerError, and a BrokerError as a client's error line. */

/**
 * Why a login failed.
 * @param tried the mechanism, as in "AUTH with user and password".
 * @param text the server's error line without its `-`.
 */
export function loginFailure(text: string, server: string, tried: string, password: Secret | undefined): BrokerError {
  const code = codeOf(text);
  const said = `${tried} was answered "${quoteServer(text, [password])}"`;
  const options = { hop: 'auth', ...(code && { upstreamCode: code }) } as const;
  if (code === 'WRONGPASS' || /^ERR invalid password/i.test(text)) {
    return new BrokerError('upstream_auth', `${server} refused the login: ${said}`, {
      ...options,
      hint: 'store the right one: broker service set {service} --password-stdin',
    });
  }
  if (/^ERR (AUTH <password> called without any password|Client sent AUTH, but no password)/i.test(text))
    return needsNoPassword(server);
  if (code === 'NOAUTH' || code === 'NOPERM')
    return new BrokerError('upstream_auth', `${server} refused the login: ${said}`, options);
  return new BrokerError('upstream_refused', `${server} refused the connection: ${said}`, options);
}

/** A password is stored, and the server lets anybody in: whatever it is for, it protects nothing. */
export function needsNoPassword(server: string): BrokerError {
  return new BrokerError('upstream_auth', `${server} needs no password, although one is stored`, {
    hop: 'auth',
    hint: 'set one in the server (requirepass, or ACL SETUSER without nopass), or store the service without a password',
  });
}

/** The word in front of an error: `ERR`, `WRONGPASS`, `NOAUTH` ... */
function codeOf(text: string): string | undefined {
  return /^([A-Z][A-Z0-9_]{1,19})( |$)/.exec(text)?.[1];
}

/** The error words that clients know to mean something; the others are ERR. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  unauthenticated: 'WRONGPASS',
  denied: 'NOPERM',
  locked: 'NOAUTH',
};

/** The error line that tells a client why it is not served; `broker:` says that these are not the server's words. */
export function errorFor(error: BrokerError): Buffer {
  const hint = error.hint ? ` (${error.hint})` : '';
  return errorReply(`${WORDS[error.code] ?? 'ERR'} broker: ${error.message}${hint}`);
}
