import { configSpec, type Parsed } from '../../core/config.ts';
import { list, secret, text } from '../../core/field.ts';
import { applicationFields, loginProblems } from '../../core/oauth.ts';
import { describeHttp, httpFields, httpProblems } from '../config.ts';
import type { HttpKind } from '../kind.ts';
import { serviceAccountProblem } from '../serviceaccount.ts';
import { bearerOf, scopeOf } from './accesstoken.ts';

const shape = {
  ...httpFields,
  key_json: secret({
    doc: 'JSON key file of the service account, as its issuer gave it out.',
    required: true,
    maxBytes: 65_536,
  }),
  scopes: list({ doc: 'Scopes to ask for.' }),
  subject: text({
    doc: 'The user in whose name, where the account may act for the users of a domain.',
    maxLength: 320,
  }),
  token_url: text({
    doc: 'Where access tokens are given out, where it is not the key file’s own token_uri.',
    redirects: true,
    maxLength: 2_048,
  }),
  token_ca: applicationFields.token_ca,
} as const;

export type ServiceAccountConfig = Parsed<typeof shape>;

/** Google's service accounts: an assertion signed with the account's key (RFC 7523 §2.1). */
export const serviceAccount: HttpKind<ServiceAccountConfig> = {
  kind: 'service_account',
  title: 'HTTP with a service account',
  config: configSpec(shape, (config, isSet, given) => {
    const problems = [...httpProblems(config, isSet), ...loginProblems(config)];
    const fault = given('key_json')?.use(serviceAccountProblem);
    return fault === undefined ? problems : [...problems, `key_json ${fault}`];
  }),
  describe: describeHttp,
  refreshable: true,
  inject: bearerOf((config) => ({
    type: 'service_account',
    key: config.key_json,
    subject: config.subject,
    scope: scopeOf(config.scopes),
    tokenUrl: config.token_url,
    ca: config.token_ca,
  })),
};
