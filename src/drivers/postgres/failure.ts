import { BrokerError, type ErrorCode } from '../../core/errors.ts';
import { MAX_QUOTED_BYTES } from '../../core/limits.ts';
import { scrub } from '../../core/scrub.ts';
import type { Secret } from '../../core/secret.ts';
import { type ErrorFields, fatal } from './wire.ts';

/**
 * Errors across the protocol: the server's ErrorResponse as a BrokerError, and a BrokerError as the ErrorResponse that
 * the client gets (PostgreSQL manual, appendix "PostgreSQL Error Codes").
 */

/**
 * What the server said instead of going on with the login. Class 28 refuses this login; everything else is about the
 * server, the database or a setting.
 * @param hop `session` once the login itself is through.
 */
export function loginFailure(
  fields: ErrorFields,
  name: string,
  user: string,
  password: Secret | undefined,
  hop: 'auth' | 'session',
): BrokerError {
  const code = sqlstate(fields);
  const options = { hop, ...(code && { upstreamCode: code }) };
  if (code === '28P01') {
    return new BrokerError('upstream_auth', `${name} refused the password for user ${user} (28P01)`, {
      ...options,
      hint: 'store the right one: broker service set {service} --password-stdin',
    });
  }
  const said = `${quoted(fields, password)} (${code ?? 'no SQLSTATE'})`;
  if (code?.startsWith('28')) return new BrokerError('upstream_auth', `${name} refused user ${user}: ${said}`, options);
  return new BrokerError('upstream_refused', `${name} refused the connection: ${said}`, options);
}

/** The five characters, or undefined: some servers leave it out, and a hostile one writes what it likes. */
function sqlstate(fields: ErrorFields): string | undefined {
  const code = fields.get('C');
  return code && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** The server's own sentence without control characters and without the password, at most MAX_QUOTED_BYTES long. */
function quoted(fields: ErrorFields, password: Secret | undefined): string {
  let text = scrub(fields.get('M') ?? '', [password]);
  text = text.replace(/[\p{Cc}\s]+/gu, ' ').slice(0, MAX_QUOTED_BYTES);
  while (Buffer.byteLength(text) > MAX_QUOTED_BYTES) text = text.slice(0, -1);
  return text;
}

/** 08 connection exception, 28 invalid authorization, 53 insufficient resources, 57 operator intervention. */
const SQLSTATE = {
  invalid_argument: '08P01',
  unauthenticated: '28P01',
  denied: '28000',
  not_found: '08004',
  already_exists: '08004',
  conflict: '08004',
  locked: '57P03',
  exhausted: '53300',
  too_large: '08P01',
  corrupt: '58030',
  upstream_unreachable: '08001',
  upstream_tls: '08001',
  upstream_auth: '08004',
  upstream_refused: '08004',
  upstream_protocol: '08P01',
  upstream_timeout: '08001',
  client_protocol: '08P01',
  client_gone: '08006',
  client_timeout: '08006',
  ended: '57P01',
  cancelled: '57014',
  unavailable: '57P03',
  internal: 'XX000',
} as const satisfies Record<ErrorCode, string>;

/**
 * The FATAL that tells a client why it is not (or no longer) served. `broker:` in front says that these are not the
 * server's words; the message itself says which side failed. A refusal by the server keeps its SQLSTATE.
 */
export function fatalFor(error: BrokerError): Buffer {
  const code = error.code === 'upstream_refused' && error.upstreamCode ? error.upstreamCode : SQLSTATE[error.code];
  return fatal(code, `broker: ${error.message}`, error.hint);
}
