import { configSpec, type Parsed } from '../../core/config.ts';
import { secret, text } from '../../core/field.ts';
import { describeHttp, httpFields, httpProblems, unfitForHeader } from '../config.ts';
import { isInjectable } from '../fieldlines.ts';
import type { HttpKind } from '../kind.ts';
import { headerText, injectedOnce, needlesOf } from './static.ts';

const shape = {
  ...httpFields,
  header_name: text({ doc: 'Name of the header: x-api-key ...', required: true, redirects: true, maxLength: 256 }),
  header_value: secret({ doc: 'Its value.', required: true, maxBytes: 65_536 }),
  header_prefix: text({
    doc: 'What stands in front of the value, with a space between: token ...',
    maxLength: 256,
    pattern: /^[!-~]+( [!-~]+)*$/,
    says: 'words of ASCII with one space between them',
  }),
} as const;

export type HeaderConfig = Parsed<typeof shape>;

/** A header of any name that is not the message's own framing. */
export const header: HttpKind<HeaderConfig> = {
  kind: 'header',
  title: 'HTTP with a key in a header',
  config: configSpec(shape, (config, isSet, given) => [
    ...httpProblems(config, isSet),
    ...(isInjectable(config.header_name) ? [] : ['header_name is not a header that can be set']),
    ...unfitForHeader('header_value', given),
  ]),
  describe: describeHttp,
  inject: injectedOnce((config) => {
    const { header_name: name, header_prefix: prefix } = config;
    const value = `${prefix === undefined ? '' : `${prefix} `}${headerText(config.header_value)}`;
    return { headers: [name, value], needles: needlesOf([config.header_value], prefix === undefined ? [] : [value]) };
  }),
};
