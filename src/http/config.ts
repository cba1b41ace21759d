import type { Parsed } from '../core/config.ts';
import { boolean, choice, integer, list, secret, text } from '../core/field.ts';
import type { Secret } from '../core/secret.ts';
import { parseBaseUrl } from './baseurl.ts';
import { fieldLines, isFieldName, isFieldValue } from './fieldlines.ts';
import { limitProblems } from './policy/rules.ts';

/** What the seed products take out of every response (PEERS §8). */
export const STRIPPED_RESPONSE_HEADERS = [
  'set-cookie',
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-expose-headers',
  'x-frame-options',
  'content-security-policy',
  'strict-transport-security',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'permissions-policy',
] as const;

/** Request headers that are taken out unless `pass_headers` names them. */
export const PASSABLE_REQUEST_HEADERS = [
  'cookie',
  'via',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-real-ip',
] as const;

const DAY_S = 86_400;

/** The fields of every HTTP kind, besides those of its credential. */
export const httpFields = {
  base_url: text({
    doc: 'Where the requests go: https://HOST[:PORT][/PATH]. The path of a request is put behind it.',
    required: true,
    redirects: true,
    maxLength: 2_048,
  }),
  allow_private: boolean({
    doc: 'Also when the name leads to a loopback or private address. Metadata services and broker itself stay out of reach.',
    default: false,
    redirects: true,
  }),
  allow_plaintext: boolean({
    doc: 'Allows http://, in which everybody on the way can read the credential.',
    default: false,
    redirects: true,
  }),
  ca: text({
    doc: 'PEM of the CA that signed the server’s certificate; the system’s CAs by default.',
    multiline: true,
    redirects: true,
  }),
  cert: text({ doc: 'PEM of a client certificate, with its chain.', multiline: true }),
  key: secret({ doc: 'PEM of the client certificate’s key.', maxBytes: 65_536 }),
  server_name: text({
    doc: 'Name to look for in the certificate, where it is not the host.',
    redirects: true,
    maxLength: 255,
  }),
  skip_verify: boolean({
    doc: 'Does not check the server’s certificate: whoever is on the way can take its place.',
    default: false,
    redirects: true,
  }),
  session_cookies: choice(['off', 'service', 'token'], {
    doc: 'Keeps the server’s cookies here and sends them with later requests; the client never sees them. A cookie that set_headers or the credential sends goes before one of its name. service: one jar for all callers (also spelled true). token: one for each token.',
    default: 'off',
    aliases: { true: 'service', false: 'off' },
  }),
  methods: list({ doc: 'If given, only these methods pass: GET, POST ...' }),
  paths: list({
    doc: 'If given, only paths that match one of these pass: * within a segment, ** across them; seen behind the base URL, decoded.',
  }),
  max_body: integer({ doc: 'Largest request body in bytes; 0 for no limit.', default: 0, min: 0, max: 2 ** 40 }),
  rate: integer({ doc: 'Most requests in a minute; 0 for no limit.', default: 0, min: 0, max: 1_000_000 }),
  concurrency: integer({ doc: 'Most requests at a time; 0 for no limit.', default: 0, min: 0, max: 100_000 }),
  http_proxy: text({
    doc: 'Proxy to go through, by CONNECT: http://HOST:PORT. Those of the environment are not used.',
    redirects: true,
    maxLength: 2_048,
    pattern: /^http:\/\/[^/?#@\\\s]+\/?$/i,
    says: 'http://HOST:PORT, without user and password (http_proxy_user, http_proxy_password)',
  }),
  http_proxy_user: text({
    doc: 'User at the proxy.',
    maxLength: 255,
    pattern: /^[^:]*$/,
    says: 'a name without a colon',
  }),
  http_proxy_password: secret({ doc: 'Password at the proxy.', maxBytes: 4_096 }),
  listen: text({
    doc: 'A port of this service’s own besides /proxy/NAME/: 127.0.0.1:PORT. /health answers there.',
    pattern: /^(127\.0\.0\.1|\[::1\]|localhost):\d{1,5}$/,
    says: '127.0.0.1:PORT, [::1]:PORT or localhost:PORT',
  }),
  default_headers: list({ doc: 'Headers for requests that come without them: NAME: VALUE.' }),
  set_headers: list({ doc: 'Headers for every request, in place of the client’s: NAME: VALUE.' }),
  pass_headers: list({
    doc: 'Headers of the client that pass although they are otherwise taken out: cookie, via, forwarded, x-forwarded-..., x-real-ip.',
  }),
  strip_response_headers: list({
    doc: `Headers taken out of every response; "none" for none. By default ${STRIPPED_RESPONSE_HEADERS.join(', ')}.`,
  }),
  connect_timeout: integer({
    doc: 'Seconds for a connection to be there, TLS included.',
    default: 10,
    min: 1,
    max: 600,
  }),
  header_timeout: integer({
    doc: 'Seconds from the end of the request to the head of the response; 0 for no limit.',
    default: 600,
    min: 0,
    max: DAY_S,
  }),
  idle_timeout: integer({
    doc: 'Seconds without a byte in the middle of a response, and on a WebSocket either way; 0 for no limit. There is no limit on the whole.',
    default: 600,
    min: 0,
    max: DAY_S,
  }),
  test_path: text({
    doc: 'What `broker service test` asks for, behind the base URL, to see whether the credential is taken: /v1/models.',
    maxLength: 1_024,
    pattern: /^\/[^\s#]*$/,
    says: 'a path that starts with /, escaped as it is to be sent',
  }),
  preset: text({ doc: 'The preset that the service was made from.', maxLength: 128 }),
} as const;

/** What every HTTP kind's parsed configuration has. */
export type HttpConfig = Parsed<typeof httpFields>;

/** The rules across the fields that all HTTP kinds share; a kind's own cross check calls it first. */
export function httpProblems(config: HttpConfig, isSet: (secret: string) => boolean): string[] {
  const problems: string[] = [];
  const base = parseBaseUrl(config.base_url);
  if (typeof base === 'string') problems.push(`base_url ${base}`);
  else if (!base.secure && !config.allow_plaintext)
    problems.push('base_url is not https, and allow_plaintext is not given');
  else if (!base.secure && (config.ca ?? config.cert ?? config.server_name) !== undefined)
    problems.push('base_url is not https: ca, cert and server_name have no meaning');
  if (config.cert !== undefined && !isSet('key')) problems.push('key is required where cert is given');
  if (config.cert === undefined && isSet('key')) problems.push('cert is required where key is given');
  if (config.http_proxy === undefined && (config.http_proxy_user !== undefined || isSet('http_proxy_password')))
    problems.push('http_proxy is required where its user or password is given');
  if (config.http_proxy !== undefined && !URL.canParse(config.http_proxy)) problems.push('http_proxy must be a URL');
  if (config.listen !== undefined && !isPort(config.listen)) problems.push('listen must end in a port from 1 to 65535');
  const { methods, paths, max_body: maxBody, rate, concurrency } = config;
  problems.push(...limitProblems({ methods, paths, maxBody, rate, concurrency }));
  for (const name of ['default_headers', 'set_headers'] as const) {
    const lines = fieldLines(config[name]);
    if (typeof lines === 'string') problems.push(`${name} ${lines}`);
  }
  const kept = config.pass_headers.find((name) => !PASSABLE_REQUEST_HEADERS.some((h) => h === name.toLowerCase()));
  if (kept !== undefined) problems.push(`pass_headers can name ${PASSABLE_REQUEST_HEADERS.join(', ')}; not "${kept}"`);
  if (config.session_cookies !== 'off' && config.pass_headers.some((name) => name.toLowerCase() === 'cookie'))
    problems.push('pass_headers cannot name cookie together with session_cookies');
  const stripped = config.strip_response_headers.find((name) => !isFieldName(name));
  if (stripped !== undefined) problems.push(`strip_response_headers has an entry that is no name: "${stripped}"`);
  return problems;
}

/** A problem where the secret of this name comes in the same call and cannot stand in a header. */
export function unfitForHeader(name: string, given: (secret: string) => Secret | undefined): string[] {
  const fits = given(name)?.use((bytes) => isFieldValue(bytes.toString('latin1')));
  return fits === false ? [`${name} has characters that a header cannot have (a line end?)`] : [];
}

/** `https://api.example.com/v1`: a token in it stands as {token}. */
export function describeHttp(config: Pick<HttpConfig, 'base_url'>): string {
  return config.base_url;
}

function isPort(address: string): boolean {
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  return port >= 1 && port <= 65_535;
}
