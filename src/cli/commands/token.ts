import { BrokerError } from '../../core/errors.ts';
import { EVERYDAY_ACTIONS } from '../../core/grant.ts';
import type { Token__Output } from '../../core/proto/broker/v1/Token.ts';
import { toMillis } from '../../core/rpc.ts';
import { anyClient } from '../admin.ts';
import { durationMessage, parseDuration } from '../duration.ts';
import { advise, print, printJson, say, table } from '../output.ts';

interface CreateOptions {
  readonly name: string;
  readonly scope: string;
  readonly service?: string[];
  readonly action?: string[];
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
  const actions = options.action ?? [...EVERYDAY_ACTIONS];
  const grants = (options.service ?? []).map((services) => ({ services, actions }));
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

function row(token: Token__Output): string[] {
  const grants =
    token.scope === 'admin'
      ? 'everything'
      : token.grants.map((grant) => `${grant.services}:${grant.actions.join('+')}`).join(' ') || 'none';
  return [
    token.id,
    token.name,
    token.scope,
    grants,
    expiry(token) ?? 'never',
    token.boundUid === undefined ? 'any' : String(token.boundUid),
  ];
}

function shown(token: Token__Output): object {
  return {
    id: token.id,
    name: token.name,
    scope: token.scope,
    grants: token.grants.map(({ services, actions }) => ({ services, actions })),
    expires_at: expiry(token),
    parent: token.parent || undefined,
    bound_uid: token.boundUid,
  };
}

function expiry(token: Token__Output): string | undefined {
  const ms = toMillis(token.expiresAt);
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
