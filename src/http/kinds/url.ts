import { configSpec, type Parsed } from '../../core/config.ts';
import { BrokerError } from '../../core/errors.ts';
import { secret } from '../../core/field.ts';
import type { Secret } from '../../core/secret.ts';
import { parseBaseUrl, TOKEN } from '../baseurl.ts';
import { describeHttp, httpFields, httpProblems } from '../config.ts';
import type { HttpKind } from '../kind.ts';
import { badPath } from '../path.ts';
import { needlesOf } from './static.ts';

const shape = {
  ...httpFields,
  token: secret({
    doc: 'What takes the place of {token} in the path of base_url; escaped as it is put in.',
    required: true,
    maxBytes: 16_384,
  }),
} as const;

export type UrlConfig = Parsed<typeof shape>;

interface Prefix {
  readonly masked: string;
  readonly real: string;
  readonly needles: ReturnType<typeof needlesOf>;
}

/** Dots cannot be escaped: a server takes %2e for one. */
const UNFIT = 'token would make another path of base_url: it has a segment of dots, escaped or not';

const made = new WeakMap<UrlConfig, Prefix>();

/** A credential in the path: `https://api.telegram.org/bot{token}`. Shown everywhere as `{token}`. */
export const url: HttpKind<UrlConfig> = {
  kind: 'url',
  title: 'HTTP with a key in the URL',
  config: configSpec(shape, (config, isSet, given) => {
    const problems = httpProblems(config, isSet);
    const base = parseBaseUrl(config.base_url);
    const times = typeof base === 'string' ? 1 : base.path.split(TOKEN).length - 1;
    if (times !== 1) problems.push(`base_url must have ${TOKEN} in its path, once`);
    const token = given('token');
    if (token && typeof base !== 'string' && badPath(base.path.replace(TOKEN, () => escaped(token))) !== undefined)
      problems.push(UNFIT);
    return problems;
  }),
  describe: describeHttp,
  inject(config, _io, request) {
    const { masked, real, needles } = prefixOf(config);
    return { path: `${real}${request.path.slice(masked.length)}`, headers: [], needles };
  },
};

/** Only the base path is looked at: a client's own `{token}` further on stays what it is. */
function prefixOf(config: UrlConfig): Prefix {
  const known = made.get(config);
  if (known) return known;
  const base = parseBaseUrl(config.base_url);
  if (typeof base === 'string') throw new BrokerError('invalid_argument', `base_url ${base}`, { hop: 'config' });
  const token = escaped(config.token);
  const [before = '', after = ''] = base.path.split(TOKEN);
  if (badPath(`${before}${token}${after}`) !== undefined)
    throw new BrokerError('invalid_argument', UNFIT, { hop: 'config' });
  const needles = needlesOf([config.token], [token]);
  const prefix = { masked: base.path, real: `${before}${token}${after}`, needles };
  made.set(config, prefix);
  return prefix;
}

function escaped(token: Secret): string {
  return encodeURIComponent(token.use((bytes) => bytes.toString('utf8')));
}
