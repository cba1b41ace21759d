import { BrokerError, type ErrorCode } from '../../core/errors.ts';
import { loginHint } from '../../core/maillogin.ts';
import { quoteServer } from '../../core/quote.ts';
import type { Secret } from '../../core/secret.ts';
import { enhancedStatus, formatReply, type Reply } from './wire.ts';

export interface Attempt {
  readonly server: string;
  readonly user: string;
  readonly mechanism: string;
  readonly secrets: readonly (Secret | undefined)[];
  /** What the mechanism itself said (OAuth's status). */
  readonly reason: string | undefined;
}

/** The server's no to AUTH (RFC 4954 §6). A 4xx, 454 above all, is about the server's day and not about this login. */
export function loginFailure(reply: Reply, attempt: Attempt): BrokerError {
  const { server, user, mechanism, secrets, reason } = attempt;
  const said = `${quoted(reply, secrets)}${reason ? ` (${reason})` : ''}`;
  const options = { hop: 'auth', upstreamCode: enhancedStatus(reply) ?? String(reply.code) } as const;
  if (reply.code < 500)
    return new BrokerError(
      'upstream_refused',
      `${server} did not take the login of ${user} (${mechanism}): ${said}`,
      options,
    );
  return new BrokerError('upstream_auth', `${server} refused the login of ${user} (${mechanism}): ${said}`, {
    ...options,
    hint: loginHint(mechanism),
  });
}

/** Any other no of the server. */
export function refusal(reply: Reply, server: string, what: string): BrokerError {
  return new BrokerError('upstream_refused', `${server} ${what}: ${quoted(reply, [])}`, {
    hop: 'auth',
    upstreamCode: enhancedStatus(reply) ?? String(reply.code),
  });
}

function quoted(reply: Reply, secrets: readonly (Secret | undefined)[]): string {
  return `"${quoteServer(reply.texts.join(' '), secrets)}" (${reply.code})`;
}

/** Replies that end a client's connection: 421 for what may pass, 535 and 554 for what won't (RFC 5321 §4.2.2, RFC 4954). */
const CODES = {
  invalid_argument: [554, '5.5.0'],
  unauthenticated: [535, '5.7.8'],
  denied: [535, '5.7.8'],
  not_found: [554, '5.3.0'],
  already_exists: [554, '5.3.0'],
  conflict: [554, '5.3.0'],
  locked: [421, '4.3.2'],
  exhausted: [421, '4.3.2'],
  too_large: [554, '5.3.4'],
  corrupt: [421, '4.3.0'],
  upstream_unreachable: [421, '4.4.1'],
  upstream_tls: [421, '4.7.5'],
  upstream_auth: [421, '4.7.0'],
  upstream_refused: [421, '4.3.0'],
  upstream_protocol: [421, '4.5.0'],
  upstream_timeout: [421, '4.4.2'],
  client_protocol: [500, '5.5.2'],
  client_gone: [421, '4.4.2'],
  client_timeout: [421, '4.4.2'],
  ended: [421, '4.3.2'],
  cancelled: [421, '4.3.2'],
  unavailable: [421, '4.3.2'],
  internal: [421, '4.3.0'],
} as const satisfies Record<ErrorCode, readonly [number, string]>;

/** What a client is told before its connection is closed. `broker:` says that these are not the server's words. */
export function lastReply(error: BrokerError): Buffer {
  const [code, status] = CODES[error.code];
  const hint = error.hint ? ` (${error.hint})` : '';
  return formatReply(code, [`${status} broker: ${error.message}${hint}`.replace(/[\p{Cc}]+/gu, ' ')]);
}
