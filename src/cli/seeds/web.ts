import type { JsonValue } from '../../core/json.ts';
import { listAt, type Mapped, refused, renamed, type Seed, type SeedType, secretsAt } from './auth.ts';

/** The bytes of a request's body that vault-proxy took at the most. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;

/** What one type of credential adds to what all HTTP services have. */
interface Credential {
  readonly config?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  /** Keys that name files in the vault; they become references to files of that name here. */
  readonly files?: Readonly<Record<string, string>>;
  /** Keys that list texts. */
  readonly lists?: Readonly<Record<string, string>>;
  /** Keys that hold what was fetched at some time, and is fetched anew. */
  readonly cached?: readonly string[];
  readonly changes?: readonly string[];
}

export const webSeeds: Readonly<Record<string, SeedType>> = {
  bearer: webSeed('bearer', { secrets: { token: 'token' } }),
  header: webSeed('header', { config: { header_name: 'header_name' }, secrets: { header_value: 'header_value' } }),
  basic: webSeed('basic', { config: { username: 'username' }, secrets: { password: 'password' } }),
  url: webSeed('url', {
    secrets: { token: 'token' },
    changes: ['token: is escaped as it takes the place of {token}; it was put in as it is there'],
  }),
  oauth2_client: webSeed('oauth2_client', {
    config: { client_id: 'client_id', token_url: 'token_url' },
    secrets: { client_secret: 'client_secret', refresh_token: 'refresh_token' },
    files: { client_secret_file: 'client_json_file_ref', token_file: 'token_json_file_ref' },
    lists: { scopes: 'scopes' },
    cached: ['access_token', 'expires_at'],
  }),
  service_account: webSeed('service_account', {
    config: { sa_token_url: 'token_url' },
    files: { file_ref: 'key_json_file_ref' },
    lists: { sa_scopes: 'scopes' },
    cached: ['sa_access_token', 'sa_expires_at'],
  }),
};

function webSeed(kind: string, credential: Credential): SeedType {
  const { config = {}, secrets = {}, files = {}, lists = {}, cached = [] } = credential;
  return {
    kind,
    keys: [...Object.keys({ ...config, ...secrets, ...files, ...lists }), ...cached],
    web: true,
    map(seed: Seed): Mapped {
      const { auth, baseUrl } = seed;
      if (baseUrl === undefined) throw refused('base_url is missing');
      const all: Record<string, JsonValue> = { base_url: baseUrl, ...renamed(auth, { ...config, ...files }) };
      for (const [theirs, ours] of Object.entries(lists)) {
        const items = listAt(auth, theirs);
        if (items.length > 0) all[ours] = [...items];
      }
      const changes = [...(credential.changes ?? []), ...fileChanges(auth, files), ...common(seed, all)];
      const kept = cached.filter((key) => auth[key] !== undefined);
      if (kept.length > 0) changes.push(`${kept.join(', ')}: not taken over; a new one is fetched when it is needed`);
      return { config: all, secrets: secretsAt(auth, secrets), changes };
    },
  };
}

/** What every HTTP service had there, in words of ours; nothing becomes wider. */
function common({ baseUrl = '', skipsVerify, sessionCookies }: Seed, config: Record<string, JsonValue>): string[] {
  const changes: string[] = [];
  if (skipsVerify) {
    config.skip_verify = true;
    changes.push(
      'tls_skip_verify: becomes skip_verify, which checks no certificate and nothing else; private addresses and plain http, which it let through too, are --allow-private and --allow-plaintext',
    );
  }
  if (/^http:/i.test(baseUrl))
    changes.push(
      'base_url: is not https; say --allow-plaintext true where everybody on the way may read the credential',
    );
  if (sessionCookies) {
    config.session_cookies = 'service';
    changes.push(
      'session_cookies: one jar for all callers, as there; domain, path and expiry of a cookie count here (token: a jar for each token)',
    );
  }
  config.max_body = MAX_BODY_BYTES;
  changes.push('max_body: 10 MiB, as there; --max-body 0 is for no limit');
  return changes;
}

function fileChanges(auth: Seed['auth'], files: Readonly<Record<string, string>>): string[] {
  return Object.entries(renamed(auth, files)).map(
    ([ours, name]) =>
      `${Object.keys(files).find((theirs) => files[theirs] === ours)}: becomes ${ours}; store the file first: broker file put ${String(name)} PATH`,
  );
}
