import { BrokerError } from '../../core/errors.ts';
import { toMillis } from '../../core/rpc.ts';
import { anyClient } from '../admin.ts';
import type { BrokerClient } from '../connect.ts';
import { durationMessage, parseDuration } from '../duration.ts';
import { advise, print, printJson } from '../output.ts';
import { findDaemon, isLocal } from '../place.ts';
import { grantsFor, httpAddress, httpVariables, isHttp, sessionRequest } from '../reach.ts';
import { holdInBackground } from '../remote.ts';
import { exportLines, fileLines, gitVariables, type Variables } from '../variables.ts';

export interface EnvFlags {
  readonly ttl?: string;
  readonly json?: boolean;
  readonly passwordFile?: string;
}

const TOKEN_TTL = '24h';

interface Made extends Variables {
  /** Epoch ms. */
  readonly until: number;
  readonly advice: string;
  readonly files?: Parameters<typeof fileLines>[0];
}

/** `broker env NAME`: what a client of the service needs in its environment, as lines for a shell. */
export async function env(service: string, flags: EnvFlags): Promise<number> {
  if (flags.ttl !== undefined && parseDuration(flags.ttl, '--ttl') <= 0)
    throw new BrokerError('invalid_argument', `--ttl ${flags.ttl} would have ended already`);
  using client = await anyClient(flags.passwordFile);
  const record = await client.services.get({ name: service });
  const { kinds } = await client.kinds.list({});
  const made = isHttp(kinds, record.kind)
    ? await forHttp(client, record, flags)
    : await forSession(client, service, flags);
  const set = { ...made.set, ...gitVariables(made.git, process.env) };
  if (flags.json) {
    const until = new Date(made.until).toISOString();
    printJson({ service, kind: record.kind, env: set, unset: made.unset, files: made.files, expires_at: until });
  } else {
    print([...exportLines(set, made.unset), ...fileLines(made.files ?? [])].join('\n'));
    advise(made.advice);
  }
  return 0;
}

/** A token for this service alone, and its address at broker. */
async function forHttp(
  client: BrokerClient,
  record: Awaited<ReturnType<BrokerClient['services']['get']>>,
  flags: EnvFlags,
): Promise<Made> {
  const http = await httpAddress(client, findDaemon().address);
  const { name } = record;
  const { token, text } = await client.tokens.create({
    name: `env-${name}`.slice(0, 100),
    scope: 'proxy',
    grants: grantsFor(name, true),
    ttl: durationMessage(flags.ttl ?? TOKEN_TTL, '--ttl'),
  });
  const until = toMillis(token?.expiresAt) ?? 0;
  const advice = `good until ${new Date(until).toISOString()}; to end it sooner: broker token revoke ${token?.id}`;
  return { ...(await httpVariables(client, record, http, text)), until, advice };
}

/** A session for any number of clients. */
async function forSession(client: BrokerClient, service: string, flags: EnvFlags): Promise<Made> {
  const lifetime = durationMessage(flags.ttl, '--ttl');
  const request = { ...sessionRequest(service, 'broker env'), ...(lifetime && { lifetime }) };
  const isHere = isLocal(findDaemon().address);
  const session = isHere ? await client.sessions.open(request) : await holdInBackground(request);
  const until = toMillis(session.expiresAt) ?? 0;
  const advice = `the first client within 5 min, any number until ${new Date(until).toISOString()}; to end it: broker session close ${session.id.slice(0, 8)}`;
  const { env: set = {}, unset = [], files = [] } = session.hint ?? {};
  return { set, unset, git: [], until, advice, ...(files.length > 0 && { files }) };
}
