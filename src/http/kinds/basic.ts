import { configSpec, type Parsed } from '../../core/config.ts';
import { secret, text } from '../../core/field.ts';
import { Secret } from '../../core/secret.ts';
import { describeHttp, httpFields, httpProblems } from '../config.ts';
import type { HttpKind } from '../kind.ts';
import { injectedOnce, needlesOf } from './static.ts';

const shape = {
  ...httpFields,
  username: text({
    doc: 'User; none by default.',
    maxLength: 1_024,
    pattern: /^[^:]*$/,
    says: 'a name without a colon',
  }),
  password: secret({ doc: 'Password; none by default.', maxBytes: 16_384 }),
} as const;

export type BasicConfig = Parsed<typeof shape>;

/** `Authorization: Basic` (RFC 7617); either half may be empty, as APIs that take their key as the user want it. */
export const basic: HttpKind<BasicConfig> = {
  kind: 'basic',
  title: 'HTTP with user and password',
  config: configSpec(shape, (config, isSet) => [
    ...httpProblems(config, isSet),
    ...(config.username === undefined && !isSet('password') ? ['username or password is required'] : []),
  ]),
  describe: describeHttp,
  inject: injectedOnce(({ username = '', password }) => {
    const bytes = password?.use((secret) => Buffer.from(secret)) ?? Buffer.alloc(0);
    const pair = Buffer.concat([Buffer.from(`${username}:`, 'utf8'), bytes]);
    const encoded = pair.toString('base64');
    bytes.fill(0);
    const needles = needlesOf([password], [`Basic ${encoded}`, encoded]);
    return { headers: ['Authorization', `Basic ${encoded}`], needles: [...needles, Secret.own(pair)] };
  }),
};
