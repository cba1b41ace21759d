import { configSpec, type Parsed } from '../../core/config.ts';
import { secret } from '../../core/field.ts';
import { describeHttp, httpFields, httpProblems, unfitForHeader } from '../config.ts';
import type { HttpKind } from '../kind.ts';
import { headerText, injectedOnce, needlesOf } from './static.ts';

const shape = {
  ...httpFields,
  token: secret({ doc: 'The token: sent as Authorization: Bearer TOKEN.', required: true, maxBytes: 65_536 }),
} as const;

export type BearerConfig = Parsed<typeof shape>;

/** `Authorization: Bearer TOKEN` (RFC 6750 §2.1). */
export const bearer: HttpKind<BearerConfig> = {
  kind: 'bearer',
  title: 'HTTP with a bearer token',
  config: configSpec(shape, (config, isSet, given) => [
    ...httpProblems(config, isSet),
    ...unfitForHeader('token', given),
  ]),
  describe: describeHttp,
  inject: injectedOnce((config) => {
    const value = `Bearer ${headerText(config.token)}`;
    return { headers: ['Authorization', value], needles: needlesOf([config.token], [value]) };
  }),
};
