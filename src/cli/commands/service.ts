import { closest } from '../../core/config.ts';
import { BrokerError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import type { Field__Output } from '../../core/proto/broker/v1/Field.ts';
import type { Service__Output } from '../../core/proto/broker/v1/Service.ts';
import type { ServicePolicy } from '../../core/proto/broker/v1/ServicePolicy.ts';
import { toMillis } from '../../core/rpc.ts';
import type { Secret } from '../../core/secret.ts';
import { fromStruct, toStruct } from '../../core/struct.ts';
import { adminClient } from '../admin.ts';
import type { BrokerClient } from '../connect.ts';
import { durationMessage, formatDuration } from '../duration.ts';
import { describeFields, fieldTakesValue, readFields, splitFlags } from '../fields.ts';
import { advise, print, printJson, say, table } from '../output.ts';
import { openClient } from '../place.ts';
import { readServiceFile } from '../servicefile.ts';

type Flags = ReturnType<typeof splitFlags>['flags'];

/** Flags of `service add` and `set` that are not fields of a kind. `true`: takes a value. */
const OWN_FLAGS: Readonly<Record<string, boolean>> = {
  kind: true,
  f: true,
  'password-file': true,
  'allow-token': true,
  'allow-uid': true,
  'max-sessions': true,
  'max-lifetime': true,
  replace: false,
  json: false,
  help: false,
  h: false,
};

const OWN_HELP = `
  --kind KIND                            which kind of service (see broker kinds)
  -f FILE|-|JSON                         read name, kind, config and policy from JSON
  --replace                              replace a service of this name
  --allow-token GLOB ...                 only tokens of these names may open it
  --allow-uid UID ...                    only these user ids may
  --max-sessions N                       live sessions at a time (100)
  --max-lifetime DURATION                longest lifetime of a session (8h)
  --master-password-file FILE            read the master password from this file (also BROKER_PASSWORD_FILE)`;

/** `broker service add NAME --kind KIND --FIELD VALUE ...` */
export async function add(args: readonly string[]): Promise<number> {
  const given = await parse(args, 'broker service add NAME --kind KIND [--FIELD VALUE ...]');
  if (given === 'help') return 0;
  using client = given.client;
  const fromFile = given.file ? readServiceFile(given.file) : undefined;
  const name = given.name ?? fromFile?.name;
  const kind = given.kind ?? fromFile?.kind;
  if (!name) throw new BrokerError('invalid_argument', 'the name of the service is missing');
  if (!kind)
    throw new BrokerError('invalid_argument', '--kind is missing', { hint: 'broker kinds shows which there are' });
  const fields = await fieldsOf(client, kind);
  const { config, secrets } = await readFields(fields, given.flags);
  const policy = policyOf(given.own) ?? fromFile?.policy;
  const service = await client.services.put({
    name,
    kind,
    config: toStruct({ ...fromFile?.config, ...config }) as object,
    secrets: { ...bytesOf(fromFile?.secrets ?? {}), ...bytesOf(secrets) },
    createOnly: !given.own.some((flag) => flag.name === 'replace'),
    ...(policy && { policy }),
  });
  if (given.own.some((flag) => flag.name === 'json')) printJson(shown(service));
  else say(`${service.name}: ${service.target}`);
  advise(`try it: broker service test ${service.name}`);
  return 0;
}

/** `broker service set NAME --FIELD VALUE ...` */
export async function change(args: readonly string[]): Promise<number> {
  const given = await parse(args, 'broker service set NAME [--FIELD VALUE ...]');
  if (given === 'help') return 0;
  using client = given.client;
  if (!given.name) throw new BrokerError('invalid_argument', 'the name of the service is missing');
  const before = await client.services.get({ name: given.name });
  const { config, secrets } = await readFields(await fieldsOf(client, before.kind), given.flags);
  const policy = policyOf(given.own);
  const after = await client.services.set({
    name: given.name,
    config: toStruct(config) as object,
    secrets: bytesOf(secrets),
    ifRevision: before.revision,
    ...(policy && { policy }),
  });
  const dropped = before.secretsSet.filter((secret) => !after.secretsSet.includes(secret));
  if (dropped.length > 0) {
    say(
      `${after.name}: the stored ${dropped.join(', ')} was dropped, since it would now go somewhere else; give it again: broker service set ${after.name} --${dropped[0]?.replaceAll('_', '-')}-stdin`,
    );
  }
  say(`${after.name}: ${after.target}`);
  return 0;
}

export async function list(options: { json?: boolean }): Promise<number> {
  using client = openClient();
  const { services } = await client.services.list({});
  if (options.json) printJson(services.map(shown));
  else
    print(
      table(
        ['NAME', 'KIND', 'TARGET'],
        services.map(({ name, kind, target }) => [name, kind, target]),
      ),
    );
  return 0;
}

export async function show(name: string, options: { json?: boolean }): Promise<number> {
  using client = openClient();
  const service = await client.services.get({ name });
  if (options.json) {
    printJson(shown(service));
    return 0;
  }
  const config = Object.entries(fromStruct(service.config)).map(([field, value]) => [
    field,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const policy = Object.entries(shownPolicy(service)).map(([field, value]) => [field, JSON.stringify(value)]);
  const secrets = service.secretsSet.map((secret) => [secret, '(set)']);
  print(table(['FIELD', 'VALUE'], [['kind', service.kind], ...config, ...secrets, ...policy]));
  return 0;
}

export async function remove(name: string, options: { passwordFile?: string }): Promise<number> {
  using client = await adminClient(options.passwordFile);
  await client.services.delete({ name });
  say(`${name}: deleted`);
  return 0;
}

/** `broker service test NAME`: a line per hop; exit 7 when a hop fails. */
export async function test(name: string, options: { passwordFile?: string; json?: boolean }): Promise<number> {
  using client = await adminClient(options.passwordFile);
  const result = await client.services.test({ name });
  if (options.json) {
    const hops = result.hops.map((hop) => ({ hop: hop.name, ok: hop.ok, detail: hop.detail, ms: toMillis(hop.took) }));
    printJson({
      ok: result.ok,
      hops,
      ...(result.error && { error: result.error }),
      ...(result.hint && { hint: result.hint }),
    });
  } else {
    for (const hop of result.hops) print(`${hop.ok ? 'ok  ' : 'FAIL'}  ${hop.name.padEnd(5)} ${hop.detail}`);
    if (result.error) say(`broker: ${result.error}${result.hint ? `\n  ${result.hint}` : ''}`);
  }
  return result.ok ? 0 : 7;
}

interface Given {
  readonly client: BrokerClient;
  readonly name: string | undefined;
  readonly kind: string | undefined;
  readonly file: string | undefined;
  readonly own: Flags;
  readonly flags: Flags;
}

/**
 * Sorts the words and flags. Which flags take a value depends on the kind, and the kind on the flags, so the kind is
 * looked for first.
 */
async function parse(args: readonly string[], usage: string): Promise<Given | 'help'> {
  const kindFlag = args.findIndex((arg) => arg === '--kind' || arg.startsWith('--kind='));
  const kind = kindFlag < 0 ? undefined : args[kindFlag]?.includes('=') ? args[kindFlag]?.slice(7) : args[kindFlag + 1];
  if (args.includes('--help') || args.includes('-h')) {
    say(`Usage: ${usage}\n${OWN_HELP}`);
    if (!kind) {
      say('\nThe fields of a kind: broker service add --help --kind KIND');
      return 'help';
    }
    using client = openClient();
    say(`\nFields of ${kind}:\n${describeFields(await fieldsOf(client, kind)).join('\n')}`);
    return 'help';
  }
  const master = args.indexOf('--master-password-file');
  const rest = master < 0 ? args : [...args.slice(0, master), ...args.slice(master + 2)];
  const client = await adminClient(master < 0 ? undefined : args[master + 1]);
  try {
    const name = rest.find((arg) => !arg.startsWith('-'));
    const fields = kind ? await fieldsOf(client, kind) : await fieldsOfService(client, name);
    const { words, flags } = splitFlags(rest, (flag) =>
      fields.some((field) => field.name === flag.replaceAll('-', '_')) || !(flag in OWN_FLAGS)
        ? fieldTakesValue(fields, flag)
        : (OWN_FLAGS[flag] ?? true),
    );
    const [first, unexpected] = words;
    if (unexpected !== undefined) throw new BrokerError('invalid_argument', `"${unexpected}" is not expected here`);
    const isOwn = (flag: { name: string }): boolean => flag.name in OWN_FLAGS && !isFieldFlag(fields, flag.name);
    const own = flags.filter(isOwn);
    return {
      client,
      name: first,
      kind,
      file: own.find((flag) => flag.name === 'f')?.value,
      own,
      flags: flags.filter((flag) => !isOwn(flag)),
    };
  } catch (error) {
    client.close();
    throw error;
  }
}

/** `--password-file` is the upstream's password where the kind has such a field. */
function isFieldFlag(fields: readonly Field__Output[], flag: string): boolean {
  const name = flag.replaceAll('-', '_');
  return fields.some(
    (field) => name === field.name || ['file', 'stdin', 'env'].some((source) => name === `${field.name}_${source}`),
  );
}

async function fieldsOf(client: BrokerClient, kind: string): Promise<readonly Field__Output[]> {
  const { kinds } = await client.kinds.list({});
  const found = kinds.find((known) => known.name === kind);
  if (found) return found.fields;
  const names = kinds.map((known) => known.name);
  const near = closest(kind, names);
  throw new BrokerError(
    'invalid_argument',
    `kind "${kind}" is not known${near ? ` (did you mean ${near}?)` : ''}; the kinds are ${names.join(', ')}`,
  );
}

async function fieldsOfService(client: BrokerClient, name: string | undefined): Promise<readonly Field__Output[]> {
  if (!name) return [];
  const { services } = await client.services.list({});
  const service = services.find((known) => known.name === name);
  return service ? await fieldsOf(client, service.kind) : [];
}

function policyOf(own: Flags): ServicePolicy | undefined {
  const all = (name: string): string[] => own.filter((flag) => flag.name === name).map((flag) => flag.value ?? '');
  const number = (text: string, flag: string): number => {
    if (!/^\d{1,10}$/.test(text)) throw new BrokerError('invalid_argument', `${flag} ${text} is not a whole number`);
    return Number(text);
  };
  const policyFlags = ['allow-token', 'allow-uid', 'max-sessions', 'max-lifetime'];
  if (!own.some((flag) => policyFlags.includes(flag.name))) return undefined;
  const [maxSessions] = all('max-sessions');
  return {
    allowTokens: all('allow-token'),
    allowUids: all('allow-uid').map((uid) => number(uid, '--allow-uid')),
    maxSessions: maxSessions === undefined ? 0 : number(maxSessions, '--max-sessions'),
    maxLifetime: durationMessage(all('max-lifetime')[0], '--max-lifetime'),
  };
}

function bytesOf(secrets: Readonly<Record<string, Secret>>): { [name: string]: Buffer } {
  return Object.fromEntries(
    Object.entries(secrets).map(([name, secret]) => [name, secret.use((bytes) => Buffer.from(bytes))]),
  );
}

function shown(service: Service__Output): JsonObject {
  return {
    name: service.name,
    kind: service.kind,
    config: fromStruct(service.config),
    secrets_set: service.secretsSet,
    policy: shownPolicy(service),
    target: service.target,
    revision: Number(service.revision),
    updated_at: new Date(toMillis(service.updatedAt) ?? 0).toISOString(),
  };
}

function shownPolicy({ policy }: Service__Output): JsonObject {
  const maxLifetime = toMillis(policy?.maxLifetime);
  const all: JsonObject = {
    ...(policy && policy.allowTokens.length > 0 && { allow_tokens: policy.allowTokens }),
    ...(policy && policy.allowUids.length > 0 && { allow_uids: policy.allowUids }),
    ...(policy && policy.maxSessions > 0 && { max_sessions: policy.maxSessions }),
    ...(maxLifetime && { max_lifetime: formatDuration(maxLifetime) }),
  };
  return isJsonObject(all) ? all : {};
}
