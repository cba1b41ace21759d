import type { OAuthSettings } from '../../core/oauth.ts';
import type { Secret } from '../../core/secret.ts';
import type { HttpConfig } from '../config.ts';
import type { HttpKind, Injection } from '../kind.ts';
import { headerText, needlesOf } from './static.ts';

interface Made {
  readonly settings: OAuthSettings;
  readonly token: Secret;
  readonly injection: Injection;
}

/**
 * `inject` of a kind whose credential is an OAuth2 access token (RFC 6750 §2.1): the token source says which, and the header
 * is made anew when that changes.
 * @throws BrokerError as `settingsOf` and InjectIo.accessToken.
 */
export function bearerOf<C extends HttpConfig>(settingsOf: (config: C) => OAuthSettings): HttpKind<C>['inject'] {
  const made = new WeakMap<C, Made>();
  return async (config, io, _request, signal) => {
    const known = made.get(config);
    const settings = known?.settings ?? settingsOf(config);
    using token = await io.accessToken(settings, { fresh: io.fresh }, signal);
    if (known && same(known.token, token)) return known.injection;
    const value = `Bearer ${headerText(token)}`;
    // Not wiped with the token: responses that are under way are still searched for it.
    const kept = token.clone();
    // What the application proves itself with stays here as well: some APIs show it to whoever administers them.
    const needles = needlesOf([kept, known?.token, ...applicationSecrets(settings)], [value]);
    const injection = { headers: ['Authorization', value], needles };
    made.set(config, { settings, token: kept, injection });
    return injection;
  };
}

function applicationSecrets(settings: OAuthSettings): readonly (Secret | undefined)[] {
  if (settings.type === 'service_account') return [];
  return [settings.clientSecret, settings.type === 'refresh_token' ? settings.refreshToken : undefined];
}

/** Both are ours: there is nobody to time it. */
function same(a: Secret, b: Secret): boolean {
  return a.use((left) => b.use((right) => left.equals(right)));
}

/** What is stored as a list of scopes, as a request says it. */
export function scopeOf(scopes: readonly string[]): string | undefined {
  return scopes.length === 0 ? undefined : scopes.join(' ');
}
