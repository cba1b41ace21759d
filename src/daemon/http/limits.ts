import { globMatches } from '../../core/glob.ts';
import type { HttpConfig } from '../../http/config.ts';
import type { Counters } from '../../http/policy/counters.ts';
import { type LimitedBy, NO_LIMITS, RequestPolicy } from '../../http/policy/rules.ts';
import type { Caller, TokenAncestor } from '../caller.ts';

/**
 * What a caller's requests to a service may be like: as the service says, as the caller's token says, and as every token says
 * that this one descends from. Each counts for itself, so that children share what their parent has. An admin is held
 * by the service only.
 */
export function requestPolicy(
  service: string,
  config: Pick<HttpConfig, 'methods' | 'paths' | 'max_body' | 'rate' | 'concurrency'>,
  caller: Caller,
  counters: Counters,
): RequestPolicy {
  const { methods, paths, max_body: maxBody, rate, concurrency } = config;
  const own = { key: `service ${service}`, limits: { methods, paths, maxBody, rate, concurrency } };
  const { token } = caller;
  const tokens = !token || token.scope === 'admin' ? [] : [token, ...token.ancestors];
  const levels = tokens.map((each) => byToken(each, service));
  return new RequestPolicy([{ name: service, prefix: '', any: [own] }, ...levels], counters);
}

function byToken({ id, name, grants }: TokenAncestor, service: string): LimitedBy {
  const any = grants.flatMap(({ services, actions, limits = NO_LIMITS }, index) =>
    actions.includes('http') && globMatches(services, service) ? [{ key: `token ${id} ${index}`, limits }] : [],
  );
  return { name: `the token ${name}`, prefix: 'token.', any };
}
