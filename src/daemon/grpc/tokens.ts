import { BrokerError } from '../../core/errors.ts';
import type { CreateTokenRequest__Output } from '../../core/proto/broker/v1/CreateTokenRequest.ts';
import type { Token } from '../../core/proto/broker/v1/Token.ts';
import type { TokenGrant__Output } from '../../core/proto/broker/v1/TokenGrant.ts';
import type { TokensHandlers } from '../../core/proto/broker/v1/Tokens.ts';
import { fromMillis, fromOptionalMillis, toMillis } from '../../core/rpc.ts';
import type { Caller, TokenGrant } from '../caller.ts';
import type { Daemon } from '../daemon.ts';
import { GRANTABLE, type TokenRecord } from '../token.ts';
import type { Adapter } from './adapt.ts';

/** Characters of an id that may stand for all of it. */
const MIN_PREFIX = 4;

export function tokensHandlers(daemon: Daemon, adapt: Adapter): TokensHandlers {
  const { tokens } = daemon;
  /** All for an admin, else the caller's own and its descendants. */
  const family = (caller: Caller): readonly TokenRecord[] => {
    if (caller.token?.scope === 'admin') return tokens.list();
    return caller.token ? tokens.family(caller.token.id) : [];
  };
  /** Looked for among those the caller may see, so that a refusal tells nothing of the others. */
  const find = (caller: Caller, selector: string): TokenRecord => {
    if (caller.token?.scope === 'admin') return tokens.find(selector);
    const fits = (fit: (token: TokenRecord) => boolean): TokenRecord[] => family(caller).filter(fit);
    const exact = fits(({ id, name }) => id === selector || name === selector);
    const found = exact.length > 0 || selector.length < MIN_PREFIX ? exact : fits(({ id }) => id.startsWith(selector));
    const [only] = found;
    if (!only || found.length > 1) throw new BrokerError('not_found', 'there is no such token of yours');
    return only;
  };
  const create = async (request: CreateTokenRequest__Output, caller: Caller, held: boolean) => {
    const { name, anyUid } = request;
    const detail = { name, scope: request.scope, anyUid };
    return await daemon.audited('token.create', caller, { detail }, async () => {
      const scope = scopeOf(request.scope);
      const ttlMs = toMillis(request.ttl);
      const uid = caller.transport === 'unix' && !anyUid ? caller.peer?.uid : undefined;
      const parent = caller.token?.scope === 'admin' ? undefined : caller.token?.id;
      if (parent !== undefined && anyUid) {
        throw new BrokerError('denied', 'any_uid: only an admin may lift the binding to a uid');
      }
      const spec = {
        ...(name && { name }),
        scope,
        grants: request.grants.map(grantOf),
        ...(ttlMs !== undefined && { ttlMs }),
        ...(uid !== undefined && { boundUid: uid }),
        ...(parent !== undefined && { parent }),
      };
      return await tokens.create(spec, held);
    });
  };
  return {
    Create: adapt.unary(async (request, { caller }) => {
      const { token, record } = await create(request, caller, false);
      using _ = token;
      return { token: message(record), text: token.use((bytes) => bytes.toString('utf8')) };
    }),
    Hold: adapt.serverStream(async function* (request, { caller, signal }) {
      const { token, record } = await create(request, caller, true);
      try {
        using _ = token;
        yield { token: message(record), text: token.use((bytes) => bytes.toString('utf8')) };
        await over(AbortSignal.any([signal, tokens.signalFor(record.id)]));
      } finally {
        const detail = { name: record.name, id: record.id };
        await daemon.audited('token.revoke', caller, { detail }, () => tokens.release(record.id));
      }
    }),
    List: adapt.unary(async (_request, { caller }) => ({ tokens: family(caller).map(message) })),
    Revoke: adapt.unary(async ({ token }, { caller }) => {
      const own = token === '' ? caller.token?.id : undefined;
      const record = await daemon.watched('token.revoke', caller, {}, () => find(caller, own ?? token));
      const detail = { name: record.name, id: record.id };
      await daemon.audited('token.revoke', caller, { detail }, () => tokens.revoke(record.id));
      return message(record);
    }),
  };
}

/** Resolves when the signal aborts. */
function over(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function scopeOf(text: string): 'admin' | 'proxy' {
  if (text === 'admin' || text === 'proxy') return text;
  throw new BrokerError('invalid_argument', 'scope must be admin or proxy');
}

function grantOf(grant: TokenGrant__Output): TokenGrant {
  const actions = grant.actions.map((action) => {
    const known = GRANTABLE.find((name) => name === action);
    if (!known) throw new BrokerError('invalid_argument', `action "${action}" is not one of ${GRANTABLE.join(', ')}`);
    return known;
  });
  const { limits } = grant;
  if (!limits) return { services: grant.services, actions };
  return { services: grant.services, actions, limits: { ...limits, maxBody: Number(limits.maxBody) } };
}

function message(record: TokenRecord): Token {
  return {
    id: record.id,
    name: record.name,
    scope: record.scope,
    grants: record.grants.map(({ services, actions, limits }) => ({
      services,
      actions: [...actions],
      ...(limits && { limits: { ...limits, methods: [...limits.methods], paths: [...limits.paths] } }),
    })),
    createdAt: fromMillis(record.createdAt),
    expiresAt: fromOptionalMillis(record.expiresAt),
    parent: record.parent ?? '',
    ...(record.boundUid !== undefined && { boundUid: record.boundUid }),
  };
}
