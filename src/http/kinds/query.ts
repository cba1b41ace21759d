import { configSpec, type Parsed } from '../../core/config.ts';
import { secret, text } from '../../core/field.ts';
import { describeHttp, httpFields, httpProblems } from '../config.ts';
import type { HttpKind } from '../kind.ts';
import { splitQuery } from '../path.ts';
import { needlesOf } from './static.ts';

const shape = {
  ...httpFields,
  query_name: text({
    doc: 'Name of the query parameter: key ...',
    required: true,
    redirects: true,
    maxLength: 256,
    pattern: /^[A-Za-z0-9._~[\]-]+$/,
    says: 'letters, digits and any of . _ ~ [ ] -',
  }),
  query_value: secret({ doc: 'Its value; escaped as it is put in.', required: true, maxBytes: 16_384 }),
} as const;

export type QueryConfig = Parsed<typeof shape>;

interface Parameter {
  readonly text: string;
  readonly needles: ReturnType<typeof needlesOf>;
}

const made = new WeakMap<QueryConfig, Parameter>();

/** A parameter of the query. The caller's own of that name is taken out; every other byte of the query stays. */
export const query: HttpKind<QueryConfig> = {
  kind: 'query',
  title: 'HTTP with a key in the query',
  config: configSpec(shape, httpProblems),
  describe: describeHttp,
  inject(config, _io, request) {
    const { text, needles } = parameterOf(config);
    const { path, query } = splitQuery(request.path);
    const others = withoutParameter(query.slice(1), config.query_name);
    return { path: `${path}?${others === '' ? '' : `${others}&`}${text}`, headers: [], needles };
  },
};

function parameterOf(config: QueryConfig): Parameter {
  const known = made.get(config);
  if (known) return known;
  const value = encodeURIComponent(config.query_value.use((bytes) => bytes.toString('utf8')));
  const parameter = { text: `${config.query_name}=${value}`, needles: needlesOf([config.query_value], [value]) };
  made.set(config, parameter);
  return parameter;
}

/** The query without the parameter, however its name is escaped; some servers also part parameters at `;`. */
export function withoutParameter(query: string, name: string): string {
  if (query === '') return '';
  return query
    .split('&')
    .filter((pair) => !pair.split(';').some((part) => unescaped(part.split('=', 1)[0] ?? '') === name))
    .join('&');
}

function unescaped(text: string): string {
  const plain = text.replaceAll('+', ' ');
  return plain.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
