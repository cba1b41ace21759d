import { BrokerError } from '../../core/errors.ts';
import { loginHint } from '../../core/maillogin.ts';
import { quoteServer } from '../../core/quote.ts';
import type { Secret } from '../../core/secret.ts';
import type { Response } from './wire.ts';

/** Response codes that say something about this login, and not about the server's day (RFC 5530 §3). */
const ABOUT_THE_LOGIN = ['AUTHENTICATIONFAILED', 'AUTHORIZATIONFAILED', 'EXPIRED', 'PRIVACYREQUIRED'];
const NOT_ABOUT_THE_LOGIN = ['UNAVAILABLE', 'INUSE', 'LIMIT', 'SERVERBUG', 'CONTACTADMIN', 'OVERQUOTA'];

export interface Attempt {
  readonly server: string;
  readonly user: string;
  /** `AUTHENTICATE PLAIN`, `LOGIN`. */
  readonly method: string;
  readonly secrets: readonly (Secret | undefined)[];
  /** What the mechanism itself said (OAuth's status). */
  readonly reason: string | undefined;
}

/** A tagged NO or BAD to a login, in the words of broker and of the server. */
export function loginFailure(answer: Response, attempt: Attempt): BrokerError {
  const { server, user, method, secrets, reason } = attempt;
  const code = (answer.code[0] ?? '').toUpperCase();
  const known = [...ABOUT_THE_LOGIN, ...NOT_ABOUT_THE_LOGIN].includes(code) ? code : undefined;
  const said = [`"${quoteServer(answer.text, secrets)}"`, known && `(${known})`, reason && `(${reason})`]
    .filter((part) => part)
    .join(' ');
  const options = { hop: 'auth', ...(known && { upstreamCode: known }) } as const;
  if (known && NOT_ABOUT_THE_LOGIN.includes(known))
    return new BrokerError(
      'upstream_refused',
      `${server} did not take the login of ${user} (${method}): ${said}`,
      options,
    );
  return new BrokerError('upstream_auth', `${server} refused the login of ${user} (${method}): ${said}`, {
    ...options,
    hint: loginHint(method),
  });
}

/** A BYE, or NO and BAD to something else than a login. */
export function refusal(answer: Response, server: string, what: string): BrokerError {
  const said = quoteServer(answer.text);
  return new BrokerError('upstream_refused', `${server} ${what}: "${said}"`, { hop: 'auth' });
}

/** What a client is told in a tagged NO or a BYE: one line of text (RFC 9051 `resp-text`). */
export function clientText(error: BrokerError): string {
  const hint = error.hint ? ` (${error.hint})` : '';
  return `broker: ${error.message}${hint}`.replace(/[\p{Cc}]+/gu, ' ');
}

/** Said to a client before its connection is closed (RFC 9051 §7.1.5). */
export function bye(error: BrokerError): Buffer {
  return Buffer.from(`* BYE ${clientText(error)}\r\n`);
}

/** The tagged NO to a login, with the code that tells clients whether to ask for another password (RFC 5530). */
export function no(tag: string, error: BrokerError): Buffer {
  const code = error.code === 'denied' || error.code === 'unauthenticated' ? 'AUTHENTICATIONFAILED' : 'UNAVAILABLE';
  return Buffer.from(`${tag} NO [${code}] ${clientText(error)}\r\n`);
}
