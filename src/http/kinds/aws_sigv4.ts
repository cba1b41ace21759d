import { configSpec, type Parsed } from '../../core/config.ts';
import { BrokerError } from '../../core/errors.ts';
import { choice, secret, text } from '../../core/field.ts';
import { describeHttp, httpFields, httpProblems, unfitForHeader } from '../config.ts';
import type { HttpKind, Outgoing } from '../kind.ts';
import { type AwsRequest, sha256, signAws } from '../sigv4.ts';
import { headerText, needlesOf } from './static.ts';

const UNSIGNED = 'UNSIGNED-PAYLOAD';
/** An unsigned body that ends in checksums: it is sent as it comes, in chunks that carry no signature. */
const UNSIGNED_TRAILER = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

const shape = {
  ...httpFields,
  access_key_id: text({
    doc: 'Id of the access key.',
    required: true,
    maxLength: 256,
    pattern: /^[\w-]+$/,
    says: 'letters, digits, _ and -',
  }),
  secret_access_key: secret({ doc: 'The secret access key.', required: true, maxBytes: 1_024 }),
  session_token: secret({ doc: 'Session token of a temporary key.', maxBytes: 16_384 }),
  region: text({
    doc: 'Region of the signature: eu-central-1.',
    required: true,
    maxLength: 64,
    pattern: /^[\w-]+$/,
    says: 'a name such as eu-central-1',
  }),
  service: text({
    doc: 'Service of the signature: s3, dynamodb.',
    required: true,
    maxLength: 64,
    pattern: /^[\w.-]+$/,
    says: 'a name such as s3',
  }),
  payload: choice(['auto', 'signed', 'unsigned'], {
    doc: 'Whether the body is signed, for which it is held in memory (at most 10 MiB). auto: not for s3 over https.',
    default: 'auto',
  }),
} as const;

export type AwsSigV4Config = Parsed<typeof shape>;

const fixedNeedles = new WeakMap<AwsSigV4Config, ReturnType<typeof needlesOf>>();

/** Requests signed with AWS Signature Version 4, whatever the client has signed them with. */
export const awsSigV4: HttpKind<AwsSigV4Config> = {
  kind: 'aws_sigv4',
  title: 'HTTP signed with an AWS key',
  config: configSpec(shape, (config, isSet, given) => [
    ...httpProblems(config, isSet),
    ...unfitForHeader('session_token', given),
    ...(config.payload === 'unsigned' && config.service !== 's3'
      ? ['payload can be unsigned for s3 only: other services demand the body’s hash']
      : []),
  ]),
  describe: describeHttp,
  async inject(config, io, request) {
    const payloadHash = await payloadOf(config, request);
    const at = request.path.indexOf('?');
    const path = at < 0 ? request.path : request.path.slice(0, at);
    const unsigned: AwsRequest = {
      method: request.method,
      host: new URL(request.origin).host,
      path,
      query: at < 0 ? '' : request.path.slice(at + 1),
      headers: request.headers,
      payloadHash,
    };
    const { access_key_id: accessKeyId, region, service } = config;
    const sessionToken = config.session_token && headerText(config.session_token);
    const { query, headers } = config.secret_access_key.use((secretAccessKey) =>
      signAws(unsigned, { accessKeyId, secretAccessKey, sessionToken, region, service }, io.now()),
    );
    return { path: query === '' ? path : `${path}?${query}`, headers, needles: needlesFor(config) };
  },
};

/** A signature is good for this request and for minutes: it is not worth searching for. */
function needlesFor(config: AwsSigV4Config): ReturnType<typeof needlesOf> {
  const known = fixedNeedles.get(config) ?? needlesOf([config.secret_access_key, config.session_token], []);
  fixedNeedles.set(config, known);
  return known;
}

/** @throws BrokerError `invalid_argument` for a body whose chunks the client has signed; as Outgoing.body. */
async function payloadOf({ service, payload }: AwsSigV4Config, request: Outgoing): Promise<string> {
  const said = headerOf(request.headers, 'x-amz-content-sha256') ?? '';
  if (said === UNSIGNED_TRAILER) return said;
  if (said.startsWith('STREAMING-'))
    throw new BrokerError('invalid_argument', 'a body whose chunks the client has signed cannot be signed anew', {
      hint: 'let the client send the body unsigned, or whole',
    });
  const secure = request.origin.startsWith('https:');
  if (payload === 'unsigned' || (payload === 'auto' && service === 's3' && secure)) return UNSIGNED;
  return sha256(await request.body());
}

function headerOf(flat: readonly string[], name: string): string | undefined {
  for (let at = 0; at < flat.length; at += 2) if (flat[at]?.toLowerCase() === name) return flat[at + 1];
  return undefined;
}
