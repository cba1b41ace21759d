import type { Token__Output } from '../../core/proto/broker/v1/Token.ts';
import { toMillis } from '../../core/rpc.ts';
import { adminClient } from '../admin.ts';
import type { BrokerClient } from '../connect.ts';
import { durationMessage } from '../duration.ts';
import { advise, print, printJson, say, table } from '../output.ts';
import { findToken, openClient } from '../place.ts';

interface CreateOptions {
  readonly name: string;
  readonly scope: string;
  readonly service?: string[];
  readonly action: string[];
  readonly ttl: string;
  readonly anyUid?: boolean;
  readonly json?: boolean;
  readonly passwordFile?: string;
}

export async function create(options: CreateOptions): Promise<number> {
  using client = await adminClient(options.passwordFile);
  const grants =
    options.scope === 'admin' ? [] : (options.service ?? []).map((services) => ({ services, actions: options.action }));
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
  using client = await clientForTokens(options.passwordFile);
  const { tokens } = await client.tokens.list({});
  if (options.json) printJson(tokens.map(shown));
  else print(table(['ID', 'NAME', 'SCOPE', 'GRANTS', 'EXPIRES', 'UID'], tokens.map(row)));
  return 0;
}

export async function revoke(token: string, options: { passwordFile?: string }): Promise<number> {
  using client = await adminClient(options.passwordFile);
  const revoked = await client.tokens.revoke({ token });
  say(`${revoked.name}: revoked, and what it opened is ended`);
  return 0;
}

/** An admin sees all tokens; without a password at hand one sees one's own. */
async function clientForTokens(passwordFile: string | undefined): Promise<BrokerClient> {
  const unattended = !passwordFile && !process.env.BROKER_PASSWORD_FILE && !process.stdin.isTTY;
  return unattended && findToken() ? openClient() : await adminClient(passwordFile);
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
    grants: token.grants,
    expires_at: expiry(token),
    parent: token.parent || undefined,
    bound_uid: token.boundUid,
  };
}

function expiry(token: Token__Output): string | undefined {
  const ms = toMillis(token.expiresAt);
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
