import type { OpenParams } from '../../core/driver.ts';
import { BrokerError } from '../../core/errors.ts';
import type { SessionAction } from '../../core/grant.ts';
import { ACCEPT_TIMEOUT_MS, LIFETIME_MS, MAX_ACCEPT_TIMEOUT_MS, MAX_REASON_CHARS } from '../../core/limits.ts';
import type { Caller } from '../caller.ts';
import type { PeerLookup } from '../peer/lookup.ts';

export interface OpenRequest {
  readonly service: string;
  /** What the gate is asked for: a session of one's own (default), or one in which broker does this and no more. */
  readonly action?: SessionAction;
  /** When given, the service must be of this kind. */
  readonly kind?: string;
  /** Milliseconds until the first client must have come: at most 300,000, default 30,000. */
  readonly acceptTimeoutMs?: number;
  /** Clients served in total; 0: any number until the lifetime ends. Default 1. */
  readonly connections?: number;
  /** Milliseconds without traffic after which a connection ends; 0 (default): no limit. */
  readonly idleMs?: number;
  /** Default 8 h; never beyond the service's policy or the token's expiry. */
  readonly lifetimeMs?: number;
  readonly check?: 'auto' | 'peer' | 'ticket';
  /** `stream`: clients come by `join`, from a listener of the caller's own at `port` of another machine. */
  readonly listen?: 'tcp' | 'unix' | 'stream';
  /** 0 (default): a free one. */
  readonly port?: number;
  readonly tls?: boolean;
  /** Free text for the audit log. */
  readonly reason?: string;
  /** Start-up parameters that the client is expected to send (`Driver.predict`). */
  readonly params?: OpenParams;
  /** Folder for the unix socket, instead of the daemon's own. */
  readonly socketDir?: string;
}

/** A checked request with its defaults filled in. */
export interface OpenPlan {
  readonly service: string;
  readonly action: SessionAction;
  readonly kind: string | undefined;
  readonly acceptTimeoutMs: number;
  readonly connections: number;
  readonly idleMs: number;
  readonly lifetimeMs: number;
  readonly check: 'peer' | 'ticket';
  readonly listen: 'tcp' | 'unix' | 'stream';
  readonly port: number;
  readonly tls: boolean;
  readonly reason: string | undefined;
  readonly params: OpenParams | undefined;
  readonly socketDir: string | undefined;
}

/** @throws BrokerError `invalid_argument` naming everything that is wrong with the request. */
export function planOpen(request: OpenRequest, caller: Caller, peers: PeerLookup): OpenPlan {
  const problems: string[] = [];
  const whole = (name: string, value: number, min: number, max: number): number => {
    if (!Number.isInteger(value) || value < min || value > max)
      problems.push(`${name} must be between ${min} and ${max}, not ${value}`);
    return value;
  };
  const listen = request.listen ?? 'tcp';
  const port = whole('port', request.port ?? 0, 0, 65_535);
  if (listen === 'unix' && port !== 0) problems.push('a unix session has no port');
  if (listen === 'unix' && request.tls) problems.push('a unix session needs no TLS');
  if (listen === 'stream' && port === 0) problems.push('a stream session needs the port that its caller listens on');
  if (listen === 'stream' && request.tls) problems.push('a stream session has no TLS: its CA is on another machine');
  if (listen !== 'unix' && request.socketDir !== undefined) problems.push('socket_dir is for unix sessions');
  if ((request.reason?.length ?? 0) > MAX_REASON_CHARS)
    problems.push(`reason is longer than ${MAX_REASON_CHARS} characters`);
  const plan = {
    service: request.service,
    action: request.action ?? 'open',
    kind: request.kind,
    acceptTimeoutMs: whole('accept timeout', request.acceptTimeoutMs ?? ACCEPT_TIMEOUT_MS, 1, MAX_ACCEPT_TIMEOUT_MS),
    connections: whole('connections', request.connections ?? 1, 0, 1_000_000),
    idleMs: whole('idle timeout', request.idleMs ?? 0, 0, Number.MAX_SAFE_INTEGER),
    lifetimeMs: whole('lifetime', request.lifetimeMs ?? LIFETIME_MS, 1, Number.MAX_SAFE_INTEGER),
    listen,
    port,
    tls: request.tls ?? false,
    reason: request.reason,
    params: request.params,
    socketDir: request.socketDir,
  };
  if (problems.length > 0) throw new BrokerError('invalid_argument', problems.join('; '));
  return { ...plan, check: chooseCheck(request.check ?? 'auto', listen, caller, peers) };
}

/**
 * `peer` where the kernel can tell who connects and told us who asks; else the session's password.
 * @throws BrokerError `invalid_argument` when `peer` is demanded and cannot be done: never a silent weaker check.
 */
function chooseCheck(
  wanted: 'auto' | 'peer' | 'ticket',
  listen: OpenPlan['listen'],
  caller: Caller,
  peers: PeerLookup,
): 'peer' | 'ticket' {
  if (wanted === 'ticket') return 'ticket';
  if (listen === 'stream') {
    if (wanted === 'auto') return 'ticket';
    throw new BrokerError('invalid_argument', 'the clients of a stream session can only be checked by a ticket');
  }
  const available = listen === 'tcp' ? peers.tcpAvailable : peers.unixAvailable;
  if (caller.peer && available) return 'peer';
  if (wanted === 'auto') return 'ticket';
  const why = caller.peer
    ? 'this system does not tell the daemon which user connects'
    : 'the daemon does not know which user you are over this connection';
  throw new BrokerError('invalid_argument', `the client cannot be checked by its user: ${why}`, {
    hint: 'ask for a ticket instead (--ticket), which the client sends as its password',
  });
}
