import { configSpec, type Parsed } from '../../core/config.ts';
import { BrokerError } from '../../core/errors.ts';
import { secret } from '../../core/field.ts';
import { parseBaseUrl, TOKEN } from '../baseurl.ts';
import { describeHttp, httpFields, httpProblems } from '../config.ts';
import type { HttpKind } from '../kind.ts';
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

const made = new WeakMap<UrlConfig, Prefix>();

/** A credential in the path: `https://api.telegram.org/bot{token}`. Shown everywhere as `{token}`. */
export const url: HttpKind<UrlConfig> = {
  kind: 'url',
  title: 'HTTP with a key in the URL',
  config: configSpec(shape, (config, isSet) => {
    const problems = httpProblems(config, isSet);
    const base = parseBaseUrl(config.base_url);
    const times = typeof base === 'string' ? 1 : base.path.split(TOKEN).length - 1;
    return times === 1 ? problems : [...problems, `base_url must have ${TOKEN} in its path, once`];
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
  const token = encodeURIComponent(config.token.use((bytes) => bytes.toString('utf8')));
  const [before = '', after = ''] = base.path.split(TOKEN);
  const needles = needlesOf([config.token], [token]);
  const prefix = { masked: base.path, real: `${before}${token}${after}`, needles };
  made.set(config, prefix);
  return prefix;
}
