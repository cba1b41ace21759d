import { BrokerError } from '../../core/errors.ts';
import type { OpenSessionRequest__Output } from '../../core/proto/broker/v1/OpenSessionRequest.ts';
import type { Session } from '../../core/proto/broker/v1/Session.ts';
import type { SessionsHandlers } from '../../core/proto/broker/v1/Sessions.ts';
import { fromMillis, toMillis } from '../../core/rpc.ts';
import type { Caller } from '../caller.ts';
import type { Daemon } from '../daemon.ts';
import type { Lease, OpenRequest } from '../sessions/manager.ts';
import type { Adapter } from './adapt.ts';

export function sessionsHandlers(daemon: Daemon, adapt: Adapter): SessionsHandlers {
  const { sessions } = daemon;
  const own = (caller: Caller, lease: Lease): boolean =>
    caller.token?.scope === 'admin' || (lease.tokenId !== undefined && lease.tokenId === caller.token?.id);
  return {
    Open: adapt.unary(async (request, { caller, signal }) => message(await sessions.open(caller, openRequest(daemon, request), signal), true)),
    List: adapt.unary(async (_request, { caller }) => ({
      sessions: sessions.list().filter((lease) => own(caller, lease)).map((lease) => message(lease, false)),
    })),
    Watch: adapt.serverStream(async function* (_request, { caller, signal }) {
      for await (const lease of sessions.watch(signal)) {
        if (own(caller, lease)) yield message(lease, false);
      }
    }),
    Close: adapt.unary(async ({ id }, { caller }) => {
      const lease = sessions.get(id);
      if (!lease || !own(caller, lease)) throw new BrokerError('not_found', `there is no session ${id} of yours`);
      await sessions.close(lease.id, 'closed');
      return message(lease, false);
    }),
    Connect: adapt.duplex(async (requests, send, { caller, signal }) => {
      const messages = requests[Symbol.asyncIterator]();
      const first = await messages.next();
      const start = first.done ? undefined : first.value.start;
      if (!start) throw new BrokerError('invalid_argument', 'the first message must be `start`');
      const incoming = async function* (): AsyncGenerator<Buffer> {
        for (let next = await messages.next(); !next.done; next = await messages.next()) {
          if (next.value.data && next.value.data.length > 0) yield next.value.data;
        }
      };
      const { service, reason } = start;
      await sessions.connect(caller, { service, ...(reason && { reason }) }, incoming(), (data) => send({ data }), signal);
    }),
  };
}

const CHECKS = { CLIENT_CHECK_UNSPECIFIED: 'auto', CLIENT_CHECK_PEER: 'peer', CLIENT_CHECK_TICKET: 'ticket' } as const;
const LISTENS = { LISTEN_UNSPECIFIED: 'tcp', LISTEN_TCP: 'tcp', LISTEN_UNIX: 'unix' } as const;

function openRequest(daemon: Daemon, request: OpenSessionRequest__Output): OpenRequest {
  const acceptTimeoutMs = toMillis(request.acceptTimeout);
  const idleMs = toMillis(request.idleTimeout);
  const lifetimeMs = toMillis(request.lifetime);
  const kind = daemon.vault.state === 'unlocked' ? daemon.services.get(request.service)?.kind : undefined;
  const params = kind ? daemon.drivers.get(kind)?.predict?.(request.clientEnvironment) : undefined;
  return {
    service: request.service,
    check: CHECKS[request.check],
    listen: LISTENS[request.listen],
    tls: request.tls,
    connections: request.connections ?? 1,
    ...(acceptTimeoutMs !== undefined && { acceptTimeoutMs }),
    ...(idleMs !== undefined && { idleMs }),
    ...(lifetimeMs !== undefined && { lifetimeMs }),
    ...(request.reason && { reason: request.reason }),
    ...(request.port > 0 && { port: request.port }),
    ...(params && { params }),
  };
}

const STATES = { waiting: 'STATE_WAITING', connected: 'STATE_CONNECTED', ended: 'STATE_ENDED' } as const;

function message(lease: Lease, forOpener: boolean): Session {
  const { address, hint } = lease;
  return {
    id: lease.id,
    service: lease.service,
    kind: lease.kind,
    address: address.listen === 'unix' ? (address.path ?? address.host) : `${address.host}:${address.port}`,
    host: address.host,
    port: address.listen === 'unix' ? 0 : address.port,
    socketPath: address.path ?? '',
    state: STATES[lease.state],
    endReason: lease.endReason ?? '',
    openedAt: fromMillis(lease.openedAt),
    acceptUntil: fromMillis(lease.acceptUntil),
    expiresAt: fromMillis(lease.expiresAt),
    served: lease.connections.served,
    connections: lease.connections.limit,
    bytesUp: lease.bytesUp,
    bytesDown: lease.bytesDown,
    token: lease.openedBy.token ?? '',
    ticket: forOpener ? (address.ticket ?? '') : '',
    hint: forOpener ? { url: hint.url, env: { ...hint.env }, unset: [...hint.unset], example: hint.example } : null,
  };
}
