import { configSpec, type Parsed } from '../../core/config.ts';
import { BrokerError } from '../../core/errors.ts';
import { list, secret } from '../../core/field.ts';
import { applicationFields, loginFields, loginProblems, type OAuthSettings } from '../../core/oauth.ts';
import {
  type ClientFile,
  clientFileProblem,
  parseClientFile,
  refreshTokenOf,
  tokenFileProblem,
} from '../clientfile.ts';
import { describeHttp, httpFields, httpProblems } from '../config.ts';
import type { HttpKind } from '../kind.ts';
import { bearerOf, scopeOf } from './accesstoken.ts';

const shape = {
  ...httpFields,
  ...applicationFields,
  ...loginFields,
  client_json: secret({
    doc: 'JSON client file as Google gives it out ("installed" or "web"): id, secret and URLs, where they are not given by themselves.',
    maxBytes: 65_536,
  }),
  refresh_token: secret({ doc: 'Refresh token; broker oauth login NAME gets one.', maxBytes: 16_384 }),
  token_json: secret({
    doc: 'JSON token file with a refresh_token, in its place; a newer one is kept in refresh_token.',
    maxBytes: 65_536,
  }),
  scopes: list({ doc: 'Scopes to ask for.' }),
} as const;

export type OAuth2ClientConfig = Parsed<typeof shape>;

/** OAuth2 in the name of a user, by a refresh token (RFC 6749 §6). */
export const oauth2Client: HttpKind<OAuth2ClientConfig> = {
  kind: 'oauth2_client',
  title: 'HTTP with OAuth2, as a user',
  config: configSpec(shape, (config, isSet, given) => {
    const problems = [...httpProblems(config, isSet), ...loginProblems(config)];
    if (config.client_id === undefined && !isSet('client_json')) problems.push('client_id or client_json is required');
    const hasToken = isSet('refresh_token') || isSet('token_json');
    if (hasToken && config.token_url === undefined && !isSet('client_json'))
      problems.push('token_url is required with refresh_token');
    const clientFault = given('client_json')?.use(clientFileProblem);
    if (clientFault !== undefined) problems.push(`client_json ${clientFault}`);
    const tokenFault = given('token_json')?.use(tokenFileProblem);
    if (tokenFault !== undefined) problems.push(`token_json ${tokenFault}`);
    return problems;
  }),
  describe: describeHttp,
  refreshable: true,
  inject: bearerOf(settingsOf),
};

/** @throws BrokerError `upstream_auth` while nobody has logged in; `invalid_argument` for a file that cannot be used. */
function settingsOf(config: OAuth2ClientConfig): OAuthSettings {
  const file: Partial<ClientFile> = config.client_json?.use(parseClientFile) ?? {};
  const tokenUrl = config.token_url ?? file.tokenUrl;
  const clientId = config.client_id ?? file.clientId;
  const refreshToken = config.refresh_token ?? config.token_json?.use(refreshTokenOf);
  if (tokenUrl === undefined || clientId === undefined || !refreshToken)
    throw new BrokerError('upstream_auth', 'nobody has logged in to this service yet', {
      hop: 'auth',
      hint: 'broker oauth login {service}',
    });
  return {
    type: 'refresh_token',
    tokenUrl,
    clientId,
    clientSecret: config.client_secret ?? file.clientSecret,
    clientAuth: config.client_auth,
    refreshToken,
    scope: scopeOf(config.scopes),
    ca: config.token_ca,
  };
}
