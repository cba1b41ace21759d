import { BrokerError } from '../../core/errors.ts';
import { EVERYDAY_ACTIONS } from '../../core/grant.ts';
import type { RequestLimits, RequestLimits__Output } from '../../core/proto/broker/v1/RequestLimits.ts';
import type { Token__Output } from '../../core/proto/broker/v1/Token.ts';
import type { TokenGrant__Output } from '../../core/proto/broker/v1/TokenGrant.ts';
import { toMillis } from '../../core/rpc.ts';
import { anyClient } from '../admin.ts';
import { durationMessage, parseDuration } from '../duration.ts';
import { advise, print, printJson, say, table } from '../output.ts';

interface CreateOptions {
  readonly name: string;
  readonly scope: string;
  readonly service?: string[];
  readonly action?: string[];
  readonly method?: string[];
  readonly path?: string[];
  readonly maxBody?: string;
  readonly rate?: string;
  readonly concurrency?: string;
  readonly ttl: string;
  readonly anyUid?: boolean;
  readonly json?: boolean;
  readonly passwordFile?: string;
}

export async function create(options: CreateOptions): Promise<number> {
  if (options.scope === 'admin' && (options.service || options.action))
    throw new BrokerError(
      'invalid_argument',
      '--service and --action are for proxy tokens; an admin may do everything',
    );
  if (options.action && !options.service)
    throw new BrokerError('invalid_argument', '--action says what for; --service GLOB must say where');
  if (options.ttl !== 'never' && parseDuration(options.ttl, '--ttl') <= 0)
    throw new BrokerError('invalid_argument', `--ttl ${options.ttl} would have ended already; "never" is without end`);
  const limits = limitsOf(options);
  if (limits && options.action && !options.action.includes('http'))
    throw new BrokerError(
      'invalid_argument',
      '--method, --path, --max-body, --rate and --concurrency are for --action http',
    );
  const actions = options.action ?? [...EVERYDAY_ACTIONS];
  const grants = (options.service ?? []).map((services) => ({ services, actions, limits }));
  using client = await anyClient(options.passwordFile);
  const { token, text } = await client.tokens.create({
    name: options.name,
    scope: options.scope,
    grants,
    ttl: options.ttl === 'never' ? null : durationMessage(options.ttl, '--ttl'),
    anyUid: options.anyUid ?? false,
  });
  if (options.json) printJson({ ...(token && shown(token)), token: text });
  else print(text);
  advise('shown this once; give it to the program as BROKER_TOKEN');
  if (options.scope === 'proxy' && grants.length === 0) say('it may use no service yet: give --service GLOB');
  return 0;
}

export async function list(options: { json?: boolean; passwordFile?: string }): Promise<number> {
  using client = await anyClient(options.passwordFile);
  const { tokens } = await client.tokens.list({});
  if (options.json) printJson(tokens.map(shown));
  else print(table(['ID', 'NAME', 'SCOPE', 'GRANTS', 'EXPIRES', 'UID'], tokens.map(row)));
  return 0;
}

export async function revoke(token: string, options: { passwordFile?: string }): Promise<number> {
  using client = await anyClient(options.passwordFile);
  const revoked = await client.tokens.revoke({ token });
  say(`${revoked.name}: revoked, and what it opened is ended`);
  return 0;
}

/** What requests over HTTP may be like; null where no flag says so. */
function limitsOf({ method, path, maxBody, rate, concurrency }: CreateOptions): RequestLimits | null {
  if ([method, path, maxBody, rate, concurrency].every((given) => given === undefined)) return null;
  return {
    methods: method ?? [],
    paths: path ?? [],
    maxBody: String(count(maxBody, '--max-body')),
    rate: count(rate, '--rate'),
    concurrency: count(concurrency, '--concurrency'),
  };
}

function count(text: string | undefined, flag: string): number {
  if (text === undefined) return 0;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new BrokerError('invalid_argument', `${flag} ${text} is not a whole number from 1 to 999999999`);
}

function row(token: Token__Output): string[] {
  const grants = token.scope === 'admin' ? 'everything' : token.grants.map(grantText).join(' ') || 'none';
  return [
    token.id,
    token.name,
    token.scope,
    grants,
    expiry(token) ?? 'never',
    token.boundUid === undefined ? 'any' : String(token.boundUid),
  ];
}

/** `api:http(GET /v1/** 60/min)`. */
function grantText({ services, actions, limits }: TokenGrant__Output): string {
  if (!limits) return `${services}:${actions.join('+')}`;
  const parts = [
    limits.methods.join('+'),
    limits.paths.join(','),
    limits.rate > 0 ? `${limits.rate}/min` : '',
    limits.concurrency > 0 ? `${limits.concurrency} at a time` : '',
    Number(limits.maxBody) > 0 ? `bodies to ${limits.maxBody} bytes` : '',
  ];
  return `${services}:${actions.join('+')}(${parts.filter((part) => part !== '').join(' ')})`;
}

/** As --json prints it: those that are set. */
function limitsJson(limits: RequestLimits__Output | null): object | undefined {
  if (!limits) return undefined;
  return {
    ...(limits.methods.length > 0 && { methods: limits.methods }),
    ...(limits.paths.length > 0 && { paths: limits.paths }),
    ...(Number(limits.maxBody) > 0 && { max_body: Number(limits.maxBody) }),
    ...(limits.rate > 0 && { rate: limits.rate }),
    ...(limits.concurrency > 0 && { concurrency: limits.concurrency }),
  };
}

function shown(token: Token__Output): object {
  return {
    id: token.id,
    name: token.name,
    scope: token.scope,
    grants: token.grants.map(({ services, actions, limits }) => ({ services, actions, limits: limitsJson(limits) })),
    expires_at: expiry(token),
    parent: token.parent || undefined,
    bound_uid: token.boundUid,
  };
}

function expiry(token: Token__Output): string | undefined {
  const ms = toMillis(token.expiresAt);
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
