import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { BrokerError } from '../../core/errors.ts';
import type { OpenSessionRequest__Output } from '../../core/proto/broker/v1/OpenSessionRequest.ts';
import type { Session } from '../../core/proto/broker/v1/Session.ts';
import type { SessionsHandlers } from '../../core/proto/broker/v1/Sessions.ts';
import { fromMillis, toMillis } from '../../core/rpc.ts';
import type { Caller } from '../caller.ts';
import type { Daemon } from '../daemon.ts';
import { endedError } from '../sessions/ending.ts';
import type { EndReason, Lease, OpenedLease } from '../sessions/events.ts';
import type { OpenRequest } from '../sessions/request.ts';
import type { Adapter } from './adapt.ts';

export function sessionsHandlers(daemon: Daemon, adapt: Adapter): SessionsHandlers {
  const { sessions } = daemon;
  const own = (caller: Caller, lease: Lease): boolean =>
    caller.token?.scope === 'admin' || (lease.tokenId !== undefined && lease.tokenId === caller.token?.id);
  return {
    Open: adapt.unary(async (request, { caller, signal }) =>
      opened(await sessions.open(caller, openRequest(daemon, request), signal)),
    ),
    List: adapt.unary(async (_request, { caller }) => ({
      sessions: sessions
        .list()
        .filter((lease) => own(caller, lease))
        .map(message),
    })),
    Watch: adapt.serverStream(async function* (_request, { caller, signal }) {
      for await (const { lease } of sessions.watch(signal)) {
        if (own(caller, lease)) yield message(lease);
      }
    }),
    Close: adapt.unary(async ({ id }, { caller }) => {
      const lease = await daemon.watched('session.close', caller, { session: id }, () => {
        const found = sessions.get(id);
        if (found && own(caller, found)) return found;
        throw new BrokerError('not_found', 'there is no such session of yours');
      });
      const { service, kind } = lease;
      await daemon.audited('session.close', caller, { session: id, service, kind }, () => sessions.close(id, 'closed'));
      return { ...message(lease), state: 'STATE_ENDED', endReason: 'closed' };
    }),
    Connect: adapt.duplex(async (requests, send, { caller, signal }) => {
      const messages = requests[Symbol.asyncIterator]();
      const first = await messages.next();
      const start = first.done ? undefined : first.value.start;
      if (!start) throw new BrokerError('invalid_argument', 'the first message must be `start`');
      const { name, stream, end } = start.session
        ? join(caller, start.session)
        : await connect(caller, start.service, start.reason, signal);
      const up = (async () => {
        for (let next = await messages.next(); !next.done; next = await messages.next()) {
          const data = next.value.data;
          if (data && data.length > 0 && !stream.write(data)) await once(stream, 'drain', { signal });
        }
        stream.end();
      })();
      // A client that breaks off ends its session; what it sent until then does not matter any more.
      up.catch(() => stream.destroy());
      // Versions of Node differ in whether it is an error that the other end just closes: how the session ended counts.
      const down = (async () => {
        for await (const data of stream) await send({ data });
      })();
      await down.catch(() => stream.destroy());
      const reason = await end();
      if (reason !== undefined && !FINISHED.includes(reason))
        throw new BrokerError('ended', `${name}: ${endedError(reason).message}`);
    }),
  };

  /** A session for this call alone. */
  async function connect(caller: Caller, service: string, reason: string, signal: AbortSignal): Promise<Connected> {
    const { lease, stream } = await sessions.connect(caller, { service, ...(reason && { reason }) }, signal);
    const ended = endOf(lease.id);
    const end = async (): Promise<EndReason> => {
      // Nobody else can come to it, so that it would wait in vain once its client left before it was served.
      const now = sessions.get(lease.id);
      if (now?.connections.served !== 0 || now.endReason !== undefined) return await ended;
      await sessions.close(lease.id, 'closed');
      throw new BrokerError('ended', `${service}: the client left before the session began`);
    };
    return { name: service, stream, end };
  }

  /** One of the clients of a session that the caller opened for clients on its own machine. */
  function join(caller: Caller, id: string): Connected {
    const lease = sessions.get(id);
    const stream = lease && own(caller, lease) ? sessions.join(id) : undefined;
    if (!lease || !stream) throw new BrokerError('not_found', 'there is no such session of yours to join');
    const ended = endOf(id);
    const end = async (): Promise<EndReason | undefined> => {
      stream.destroy();
      // The session may well go on for its other clients.
      const now = sessions.get(id);
      return now ? now.endReason : await ended;
    };
    return { name: lease.service, stream, end };
  }

  /** How a session ends, once it has. It always does: at the end of its lifetime, or with the daemon. */
  async function endOf(id: string): Promise<EndReason> {
    if (sessions.get(id)) {
      for await (const { type, lease } of sessions.watch(new AbortController().signal))
        if (type === 'ended' && lease.id === id) return lease.endReason ?? 'closed';
    }
    return 'closed';
  }
}

interface Connected {
  readonly name: string;
  readonly stream: Duplex;
  /** Lets go of the session. @returns how it ended; undefined while it goes on. */
  end(): Promise<EndReason | undefined>;
}

/** Ends of a session that its client or its server has chosen. */
const FINISHED: readonly EndReason[] = ['client_finished', 'upstream_finished'];
const CHECKS = { CLIENT_CHECK_UNSPECIFIED: 'auto', CLIENT_CHECK_PEER: 'peer', CLIENT_CHECK_TICKET: 'ticket' } as const;
const LISTENS = { LISTEN_UNSPECIFIED: 'tcp', LISTEN_TCP: 'tcp', LISTEN_UNIX: 'unix', LISTEN_STREAM: 'stream' } as const;

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
    ...(request.kind && { kind: request.kind }),
    ...(acceptTimeoutMs !== undefined && { acceptTimeoutMs }),
    ...(idleMs !== undefined && { idleMs }),
    ...(lifetimeMs !== undefined && { lifetimeMs }),
    ...(request.reason && { reason: request.reason }),
    ...(request.port > 0 && { port: request.port }),
    // Nothing predicted: what the service's last client sent is the better guess.
    ...(params && params.size > 0 && { params }),
  };
}

const STATES = { waiting: 'STATE_WAITING', connected: 'STATE_CONNECTED', ended: 'STATE_ENDED' } as const;

function opened(lease: OpenedLease): Session {
  const { hint, ticket } = lease;
  return {
    ...message(lease),
    ticket: ticket?.use((bytes) => bytes.toString('utf8')) ?? '',
    hint: {
      url: hint.url,
      env: { ...hint.env },
      unset: [...hint.unset],
      files: [...(hint.files ?? [])],
      example: hint.example,
    },
  };
}

function message(lease: Lease): Session {
  const { address } = lease;
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
  };
}
