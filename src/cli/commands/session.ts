import { BrokerError } from '../../core/errors.ts';
import type { Session__Output } from '../../core/proto/broker/v1/Session.ts';
import { toMillis } from '../../core/rpc.ts';
import { formatDuration } from '../duration.ts';
import { advise, print, printable, printJson, say, table } from '../output.ts';
import { openClient } from '../place.ts';

const HEADING = ['ID', 'SERVICE', 'ADDRESS', 'STATE', 'CLIENTS', 'UP', 'DOWN', 'AGE', 'TOKEN'];

export async function list(options: { json?: boolean }): Promise<number> {
  using client = openClient();
  const { sessions } = await client.sessions.list({});
  if (options.json) printJson(sessions.map(shown));
  else print(table(HEADING, sessions.map(row)));
  if (sessions.length === 0) advise('no session of yours is open');
  return 0;
}

export async function watch(options: { json?: boolean }): Promise<number> {
  using client = openClient();
  if (!options.json) print(HEADING.join('  '));
  for await (const session of client.sessions.watch({})) {
    print(options.json ? JSON.stringify(shown(session)) : row(session).map(printable).join('  '));
  }
  return 0;
}

/** By id, or by the beginning of one where that is unique. */
export async function close(id: string): Promise<number> {
  using client = openClient();
  const { sessions } = await client.sessions.list({});
  const meant = sessions.filter((session) => id !== '' && session.id.startsWith(id));
  if (meant.length > 1)
    throw new BrokerError('invalid_argument', `${id} is the beginning of ${meant.length} sessions; give more of it`);
  const session = await client.sessions.close({ id: meant[0]?.id ?? id });
  say(`${session.service}: session ${session.id} is closed`);
  return 0;
}

function row(session: Session__Output): string[] {
  const state = session.state.replace('STATE_', '').toLowerCase();
  const of = session.connections === 0 ? '∞' : String(session.connections);
  const age = formatDuration(Date.now() - (toMillis(session.openedAt) ?? 0));
  const ended = session.endReason ? `${state} (${session.endReason})` : state;
  return [
    session.id,
    session.service,
    session.address,
    ended,
    `${session.served}/${of}`,
    session.bytesUp,
    session.bytesDown,
    age,
    session.token,
  ];
}

function shown(session: Session__Output): object {
  return {
    id: session.id,
    service: session.service,
    kind: session.kind,
    address: session.address,
    state: session.state.replace('STATE_', '').toLowerCase(),
    end_reason: session.endReason,
    opened_at: new Date(toMillis(session.openedAt) ?? 0).toISOString(),
    expires_at: new Date(toMillis(session.expiresAt) ?? 0).toISOString(),
    served: session.served,
    connections: session.connections,
    bytes_up: Number(session.bytesUp),
    bytes_down: Number(session.bytesDown),
    token: session.token,
  };
}
