import { BrokerError } from '../../core/errors.ts';
import type { Token } from '../../core/proto/broker/v1/Token.ts';
import type { TokensHandlers } from '../../core/proto/broker/v1/Tokens.ts';
import { fromMillis, fromOptionalMillis, toMillis } from '../../core/rpc.ts';
import type { TokenGrant } from '../caller.ts';
import type { Daemon } from '../daemon.ts';
import { GRANTABLE, type TokenRecord } from '../token.ts';
import type { Adapter } from './adapt.ts';

export function tokensHandlers(daemon: Daemon, adapt: Adapter): TokensHandlers {
  const { tokens } = daemon;
  return {
    Create: adapt.unary(async (request, { caller }) => {
      const { name } = request;
      const scope = scopeOf(request.scope);
      const grants = request.grants.map(grantOf);
      const ttlMs = toMillis(request.ttl);
      const uid = caller.transport === 'unix' && !request.anyUid ? caller.peer?.uid : undefined;
      const parent = caller.token?.scope === 'admin' ? undefined : caller.token?.id;
      if (parent !== undefined && request.anyUid) {
        throw new BrokerError('denied', 'any_uid: only an admin may lift the binding to a uid');
      }
      const { token, record } = await daemon.audited('token.create', caller, { detail: { name, scope } }, () =>
        tokens.create({
          name,
          scope,
          grants,
          ...(ttlMs !== undefined && { ttlMs }),
          ...(uid !== undefined && { boundUid: uid }),
          ...(parent !== undefined && { parent }),
        }),
      );
      return { token: message(record), text: token.use((bytes) => bytes.toString('utf8')) };
    }),
    List: adapt.unary(async (_request, { caller }) => ({
      tokens: tokens
        .list()
        .filter(
          ({ id, parent }) => caller.token?.scope === 'admin' || id === caller.token?.id || parent === caller.token?.id,
        )
        .map(message),
    })),
    Revoke: adapt.unary(async ({ token }, { caller }) => {
      const record = tokens.find(token);
      const mine = caller.token && (record?.id === caller.token.id || record?.parent === caller.token.id);
      if (!record || (caller.token?.scope !== 'admin' && !mine)) {
        throw new BrokerError(
          'not_found',
          `there is no token ${token}${caller.token?.scope === 'admin' ? '' : ' of yours'}`,
        );
      }
      await daemon.audited('token.revoke', caller, { detail: { name: record.name, id: record.id } }, () =>
        tokens.revoke(record.id),
      );
      return message(record);
    }),
  };
}

function scopeOf(text: string): 'admin' | 'proxy' {
  if (text === 'admin' || text === 'proxy') return text;
  throw new BrokerError('invalid_argument', 'scope must be admin or proxy');
}

function grantOf(grant: { services: string; actions: string[] }): TokenGrant {
  const actions = grant.actions.map((action) => {
    const known = GRANTABLE.find((name) => name === action);
    if (!known) throw new BrokerError('invalid_argument', `action "${action}" is not one of ${GRANTABLE.join(', ')}`);
    return known;
  });
  return { services: grant.services, actions };
}

function message(record: TokenRecord): Token {
  return {
    id: record.id,
    name: record.name,
    scope: record.scope,
    grants: record.grants.map(({ services, actions }) => ({ services, actions: [...actions] })),
    createdAt: fromMillis(record.createdAt),
    expiresAt: fromOptionalMillis(record.expiresAt),
    parent: record.parent ?? '',
    ...(record.boundUid !== undefined && { boundUid: record.boundUid }),
  };
}
