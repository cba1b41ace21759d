import { readFileSync } from 'node:fs';
import { BrokerError } from '../core/errors.ts';
import type { Kind__Output } from '../core/proto/broker/v1/Kind.ts';
import { fromMillis } from '../core/rpc.ts';
import { type BrokerClient, connect } from './connect.ts';
import { sayError } from './output.ts';
import { isLocal, type Place } from './place.ts';
import { grantsFor, hostOf, httpAddress, httpVariables, isHttp, sessionRequest } from './reach.ts';
import { holdSession } from './remote.ts';
import { type Variables, variablePrefix } from './variables.ts';

/** Milliseconds for the daemon to say that it is well. */
const PROVE_MS = 10_000;

/** A service as a command that is started by `broker run` finds it. */
export interface Provided extends Variables {
  readonly service: string;
  /** Where it really is, in words. */
  readonly target: string;
  /** The HTTP side, for a service that is reached through it. */
  readonly at?: string;
}

/** Services of one daemon, for as long as this is not disposed: then tokens and sessions end. */
export interface Provision extends AsyncDisposable {
  readonly services: readonly Provided[];
  /** Speaks for the command: it may use these services and nothing else. */
  readonly client: BrokerClient;
  /** For the `broker` that the command may call. */
  readonly own: Readonly<Record<string, string>>;
  /** Names and addresses at which the daemon is reached, but for unix sockets. */
  readonly hosts: readonly string[];
}

/**
 * Makes a token for these services alone, one below it for each HTTP service, and opens a session to each of the others.
 * @param client of whoever may do that; it must stay open as long as the provision.
 * @throws BrokerError `not_found`, `denied`, and whatever an upstream refuses.
 */
export async function provide(
  client: BrokerClient,
  place: Place,
  names: readonly string[],
  ttlMs: number,
  reason: string,
): Promise<Provision> {
  const { kinds } = await client.kinds.list({});
  const records = await Promise.all(names.map((name) => client.services.get({ name })));
  const grants = records.flatMap(({ name, kind }) => grantsFor(name, isHttp(kinds, kind)));
  const spec = { name: `run-${process.pid}`, scope: 'proxy', grants, ttl: fromMillis(ttlMs) };
  // It ends with the call, so also with this process, however that ends.
  const held = client.tokens.hold(spec)[Symbol.asyncIterator]();
  const first = await held.next();
  if (first.done) throw new BrokerError('internal', 'the daemon gave no token');
  const { text, token } = first.value;
  const own = connect({ ...place, token: text });
  const dispose = async (): Promise<void> => {
    try {
      await own.tokens.revoke({ token: token?.id ?? '' });
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      // Ended already, or there is no daemon any more: that is what was wanted.
      if (!['not_found', 'unauthenticated', 'unavailable', 'locked'].includes(error.code)) sayError(error);
    } finally {
      await held.return?.();
      own.close();
    }
  };
  try {
    const services: Provided[] = [];
    for (const record of records) services.push(await provided(own, place, record, kinds, ttlMs, reason));
    // Programs in Node trust the daemon's CA besides the others; for what else there is each has a way of its own.
    const trust = place.caFile !== undefined && { NODE_EXTRA_CA_CERTS: place.caFile };
    const address = { BROKER_ADDR: place.address, BROKER_TOKEN: text, ...trust };
    const hosts = [place.address, ...services.flatMap(({ at }) => at ?? [])].flatMap(hostOf);
    return { services, client: own, own: address, hosts, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function provided(
  client: BrokerClient,
  place: Place,
  record: Awaited<ReturnType<BrokerClient['services']['get']>>,
  kinds: readonly Kind__Output[],
  ttlMs: number,
  reason: string,
): Promise<Provided> {
  const { name: service, target } = record;
  if (isHttp(kinds, record.kind)) {
    const http = await httpAddress(client, place.address);
    await proveHttp(http, place);
    const grants = grantsFor(service, true);
    const spec = { name: service.slice(0, 100), scope: 'proxy', grants, ttl: fromMillis(ttlMs) };
    const { text } = await client.tokens.create(spec);
    return { service, target, at: http, ...(await httpVariables(client, record, http, text)) };
  }
  const request = sessionRequest(service, reason);
  const session = isLocal(place.address)
    ? await client.sessions.open(request)
    : (await holdSession(client, request)).session;
  const url = { [`${variablePrefix(service)}_URL`]: session.hint?.url ?? '' };
  return { service, target, set: { ...session.hint?.env, ...url }, unset: session.hint?.unset ?? [], git: [] };
}

/** Before a command is started that would find nobody there. */
async function proveHttp(http: string, place: Place): Promise<void> {
  try {
    if ((await statusOf(`${http}/health`, place)) === 200) return;
  } catch (cause) {
    throw new BrokerError('unavailable', `the HTTP side of the daemon does not answer at ${http}`, { cause });
  }
  throw new BrokerError('unavailable', `the HTTP side of the daemon is not well at ${http}`);
}

async function statusOf(url: string, { caFile, certFile, keyFile }: Place): Promise<number> {
  const { get } = url.startsWith('https:') ? await import('node:https') : await import('node:http');
  const pem = (path: string | undefined): Buffer | undefined => (path === undefined ? undefined : readFileSync(path));
  const tls = { ca: pem(caFile), cert: pem(certFile), key: pem(keyFile) };
  return await new Promise((resolve, reject) => {
    const request = get(url, { ...tls, agent: false, signal: AbortSignal.timeout(PROVE_MS) }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    request.once('error', reject);
  });
}
