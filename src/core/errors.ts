/**
 * Every way broker can fail, as a closed union. Callers branch on `code`, never on text. The three tables below turn a
 * code into a gRPC status, an HTTP status and a process exit code; a new code does not compile until all have it.
 */
export type ErrorCode =
  | 'invalid_argument' // the request itself is wrong; the message names the field
  | 'unauthenticated' // no token, or one that is unknown or expired
  | 'denied' // a known caller who may not
  | 'not_found'
  | 'already_exists'
  | 'conflict' // the state forbids it (vault exists already, record changed meanwhile)
  | 'locked' // the vault is locked
  | 'exhausted' // a limit of broker's own is reached
  | 'too_large'
  | 'corrupt' // a file on disk is damaged or was tampered with
  | 'upstream_unreachable' // dns or tcp
  | 'upstream_tls'
  | 'upstream_auth' // upstream refused the stored credential, or offered only a login weaker than allowed
  | 'upstream_refused' // upstream answered, and said no for another reason
  | 'upstream_protocol' // upstream sent bytes that the protocol does not allow
  | 'upstream_timeout'
  | 'client_protocol' // the local client sent bytes that the protocol does not allow
  | 'client_gone' // the local client closed the connection
  | 'client_timeout'
  | 'ended' // the session was ended: revoked, locked, limit; the message says which
  | 'cancelled'
  | 'unavailable' // the daemon cannot be reached or is stopping
  | 'internal';

/** Where on the way to the upstream something failed; `service test` reports one line for each. */
export type Hop = 'config' | 'dns' | 'tcp' | 'tls' | 'auth' | 'session';

export interface BrokerErrorOptions {
  /** The underlying error, for the daemon's log only; never sent to a client. */
  readonly cause?: unknown;
  readonly hop?: Hop;
  /** What the user can do about it: one sentence, a command where there is one (`{service}` stands for the service's name). Crosses to the client. */
  readonly hint?: string;
  /** The server's own error code where it has one (SQLSTATE, SMTP enhanced status), for machines. */
  readonly upstreamCode?: string;
}

/** Characters of a message or hint. */
const MAX_MESSAGE = 4_000;

/** Marks a BrokerError for every copy of this module in a process: see hasInstance. */
const BRAND = Symbol.for('authbroker.BrokerError');

/**
 * The one error class. `message` is safe: a literal plus names the operator chose, at most a quoted and scrubbed
 * sentence of the upstream's. It is all that ever crosses to a client; `cause` stays in the daemon.
 */
export class BrokerError extends Error {
  readonly code: ErrorCode;
  readonly hop: Hop | undefined;
  readonly hint: string | undefined;
  readonly upstreamCode: string | undefined;

  /** The bundled command line that runs the daemon has a copy of this class, and must know the daemon's errors. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  get [BRAND](): true {
    return true;
  }

  constructor(code: ErrorCode, safeMessage: string, options: BrokerErrorOptions = {}) {
    super(bounded(safeMessage), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BrokerError';
    this.code = code;
    this.hop = options.hop;
    this.hint = options.hint === undefined ? undefined : bounded(options.hint);
    this.upstreamCode = options.upstreamCode;
  }

  /** The same failure as told to a caller: the service's name in front, and in the hint where it says `{service}`. */
  forService(service: string): BrokerError {
    return new BrokerError(this.code, `${service}: ${this.message}`, {
      cause: this.cause,
      ...(this.hop && { hop: this.hop }),
      ...(this.hint && { hint: this.hint.replaceAll('{service}', service) }),
      ...(this.upstreamCode && { upstreamCode: this.upstreamCode }),
    });
  }
}

/** A name that a caller made up may be of any length; a status with all of it would not fit into gRPC's trailers. */
function bounded(text: string): string {
  if (text.length <= MAX_MESSAGE) return text;
  // Shorter than the bound with the note in it, so that the other side of a call leaves it as it is.
  const half = MAX_MESSAGE / 2 - 50;
  return `${text.slice(0, half)} … (${text.length - 2 * half} characters left out) … ${text.slice(-half)}`;
}

/** Any thrown value as a BrokerError: aborts and AbortSignal.timeout become `cancelled` (or the abort's own BrokerError), the rest `internal`. */
export function toBrokerError(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError) return thrown;
  if (thrown instanceof Error && thrown.name === 'AbortError') {
    if (thrown.cause instanceof BrokerError) return thrown.cause;
    return new BrokerError('cancelled', 'the call was cancelled', { cause: thrown });
  }
  if (thrown instanceof Error && thrown.name === 'TimeoutError') {
    return new BrokerError('cancelled', 'the time for the call was over', { cause: thrown });
  }
  return new BrokerError('internal', 'internal error; the daemon log has the details', { cause: thrown });
}

/** Throws the signal's reason as a BrokerError if it is aborted. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw toBrokerError(signal.reason);
}

/** gRPC status numbers (grpc/status.proto), as plain numbers so that core needs no library. */
export const GRPC_STATUS = {
  invalid_argument: 3,
  unauthenticated: 16,
  denied: 7,
  not_found: 5,
  already_exists: 6,
  conflict: 9,
  locked: 9,
  exhausted: 8,
  too_large: 8,
  corrupt: 15,
  upstream_unreachable: 14,
  upstream_tls: 9,
  upstream_auth: 9,
  upstream_refused: 9,
  upstream_protocol: 9,
  upstream_timeout: 4,
  client_protocol: 3,
  client_gone: 1,
  client_timeout: 4,
  ended: 10,
  cancelled: 1,
  unavailable: 14,
  internal: 13,
} as const satisfies Record<ErrorCode, number>;

export const HTTP_STATUS = {
  invalid_argument: 400,
  unauthenticated: 401,
  denied: 403,
  not_found: 404,
  already_exists: 409,
  conflict: 409,
  locked: 503,
  exhausted: 429,
  too_large: 413,
  corrupt: 500,
  upstream_unreachable: 502,
  upstream_tls: 502,
  upstream_auth: 502,
  upstream_refused: 502,
  upstream_protocol: 502,
  upstream_timeout: 504,
  client_protocol: 400,
  client_gone: 499,
  client_timeout: 408,
  ended: 503,
  cancelled: 499,
  unavailable: 503,
  internal: 500,
} as const satisfies Record<ErrorCode, number>;

/** Exit codes of the command line: 1 refused or failed, 2 usage, 3 no daemon, 4 locked, 5 not found, 6 denied, 7 upstream. */
export const EXIT_CODE = {
  invalid_argument: 2,
  unauthenticated: 6,
  denied: 6,
  not_found: 5,
  already_exists: 1,
  conflict: 1,
  locked: 4,
  exhausted: 1,
  too_large: 1,
  corrupt: 1,
  upstream_unreachable: 7,
  upstream_tls: 7,
  upstream_auth: 7,
  upstream_refused: 7,
  upstream_protocol: 7,
  upstream_timeout: 7,
  client_protocol: 1,
  client_gone: 1,
  client_timeout: 1,
  ended: 1,
  cancelled: 1,
  unavailable: 3,
  internal: 1,
} as const satisfies Record<ErrorCode, number>;

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(GRPC_STATUS, text);
}
