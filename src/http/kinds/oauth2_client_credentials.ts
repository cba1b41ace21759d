import { configSpec, type Parsed } from '../../core/config.ts';
import { list, secret, text } from '../../core/field.ts';
import { applicationFields, loginProblems } from '../../core/oauth.ts';
import { describeHttp, httpFields, httpProblems } from '../config.ts';
import type { HttpKind } from '../kind.ts';
import { bearerOf, scopeOf } from './accesstoken.ts';

const shape = {
  ...httpFields,
  ...applicationFields,
  token_url: text({
    doc: 'OAuth2: where access tokens are given out (https).',
    required: true,
    redirects: true,
    maxLength: 2_048,
  }),
  client_id: text({ doc: 'OAuth2: the application’s id.', required: true, maxLength: 1_024 }),
  client_secret: secret({ doc: 'The application’s secret.', required: true, maxBytes: 4_096 }),
  scopes: list({ doc: 'Scopes to ask for.' }),
  audience: text({ doc: 'audience to ask for, where the issuer wants one.', maxLength: 2_048 }),
} as const;

export type ClientCredentialsConfig = Parsed<typeof shape>;

/** OAuth2 in the application's own name (RFC 6749 §4.4). */
export const clientCredentials: HttpKind<ClientCredentialsConfig> = {
  kind: 'oauth2_client_credentials',
  title: 'HTTP with OAuth2, as an application',
  config: configSpec(shape, (config, isSet) => [...httpProblems(config, isSet), ...loginProblems(config)]),
  describe: describeHttp,
  refreshable: true,
  inject: bearerOf((config) => ({
    type: 'client_credentials',
    tokenUrl: config.token_url,
    clientId: config.client_id,
    clientSecret: config.client_secret,
    clientAuth: config.client_auth,
    audience: config.audience,
    scope: scopeOf(config.scopes),
    ca: config.token_ca,
  })),
};
