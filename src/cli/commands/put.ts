import { BrokerError } from '../../core/errors.ts';
import type { JsonValue } from '../../core/json.ts';
import type { Kind__Output } from '../../core/proto/broker/v1/Kind.ts';
import type { Secret } from '../../core/secret.ts';
import { toStruct } from '../../core/struct.ts';
import { adminClient } from '../admin.ts';
import { describeFields, type FieldValues, readFields } from '../fields.ts';
import { advise, print, printJson, say } from '../output.ts';
import { openClient } from '../place.ts';
import { POLICY_FLAGS, policyFrom } from '../policy.ts';
import { credentialFlags, presetConfig, presetNamed } from '../presetline.ts';
import { readServiceFile } from '../servicefile.ts';
import {
  ADD_HELP,
  fieldsOf,
  OWN_NAMES,
  peek,
  readLine,
  refuseOwn,
  SET_HELP,
  type ServiceLine,
} from '../serviceline.ts';
import { kindOfUrl, mapServiceUrl, readServiceUrl } from '../serviceurl.ts';
import { shown, warnClosed } from './service.ts';

/** `broker service add NAME --kind KIND --FIELD VALUE ...`: everything is read and checked before anybody is asked for a password. */
export async function add(args: readonly string[]): Promise<number> {
  if (await helped(args, ADD_HELP)) return 0;
  const source = peek(args, '-f', '--file');
  const file = source === undefined ? undefined : readServiceFile(source);
  const variable = peek(args, '--url-env');
  const url = variable === undefined ? undefined : readServiceUrl(variable);
  const kinds = await knownKinds();
  const names = kinds.map((known) => known.name);
  const passwordFile = peek(args, '--master-password-file');
  const presetName = peek(args, '--preset');
  const preset = presetName === undefined ? undefined : await presetNamed(presetName, passwordFile);
  const kind = peek(args, '--kind') ?? preset?.kind ?? file?.kind ?? (url && kindOfUrl(url, names));
  if (kind === undefined) {
    const missing = args.some((word) => !word.startsWith('-')) ? '--kind is' : 'the name of the service and --kind are';
    throw new BrokerError('invalid_argument', `${missing} missing`, {
      hint: `broker service add NAME --kind KIND --FIELD VALUE ...; the kinds are ${names.join(', ')}`,
    });
  }
  const fields = fieldsOf(kinds, kind);
  const line = readLine(args, fields);
  refuseOwn(line, { unset: 'there is nothing to unset yet' });
  const name = line.name ?? file?.name ?? presetName;
  if (!name)
    throw new BrokerError('invalid_argument', 'the name of the service is missing', {
      hint: `broker service add NAME --kind ${kind} --FIELD VALUE ...`,
    });
  if (preset && kind !== preset.kind)
    throw new BrokerError('invalid_argument', `--kind ${kind}: the preset ${preset.name} is of kind ${preset.kind}`);
  const flags = preset ? credentialFlags(preset, line.fields, fields) : line.fields;
  const typed = await readFields(fields, flags, OWN_NAMES);
  const mapped = url && mapServiceUrl(url, kind, fields);
  const policy = policyFrom(line.own, [], undefined) ?? file?.policy;
  const given = { ...file?.config, ...mapped?.config, ...typed.config };
  const config = preset ? presetConfig(preset, given) : given;
  using client = await adminClient(passwordFile);
  const service = await client.services.put({
    name,
    kind,
    config: toStruct(config) as object,
    secrets: { ...bytesOf(file?.secrets), ...bytesOf(mapped?.secrets), ...bytesOf(typed.secrets) },
    createOnly: !isGiven(line, 'replace'),
    ...(policy && { policy }),
  });
  for (const change of [...(file?.changes ?? []), ...changesOf(mapped, typed)]) say(`note: ${change}`);
  if (isGiven(line, 'json')) printJson(shown(service));
  else say(`${service.name}: ${service.target}`);
  warnClosed(service);
  advise(`try it: broker service test ${service.name}`);
  return 0;
}

/** `broker service set NAME --FIELD VALUE ...` */
export async function change(args: readonly string[]): Promise<number> {
  if (await helped(args, SET_HELP)) return 0;
  const kinds = await knownKinds();
  // Which words are values depends on the kind, and that on the service; a name comes first or behind a value.
  const { name } = readLine(args, []);
  if (!name)
    throw new BrokerError('invalid_argument', 'the name of the service is missing', {
      hint: 'broker service set NAME --FIELD VALUE ...',
    });
  using client = await adminClient(peek(args, '--master-password-file'));
  const before = await client.services.get({ name });
  const fields = fieldsOf(kinds, before.kind);
  const line = readLine(args, fields);
  refuseOwn(line, {
    kind: `the kind of a service stays what it is; remove ${name} and add it anew`,
    f: 'a file is for service add; with --replace it takes the place of a service',
    file: 'a file is for service add; with --replace it takes the place of a service',
    replace: 'this is for service add',
  });
  const typed = await readFields(fields, line.fields, [...OWN_NAMES]);
  const variable = peek(args, '--url-env');
  const mapped = variable === undefined ? undefined : mapServiceUrl(readServiceUrl(variable), before.kind, fields);
  const unset = line.own.filter((flag) => flag.name === 'unset').map((flag) => flag.value ?? '');
  const policy = policyFrom(line.own, unset, before.policy);
  const config = { ...mapped?.config, ...typed.config, ...unsetFields(unset, fields) };
  const secrets = { ...bytesOf(mapped?.secrets), ...bytesOf(typed.secrets) };
  if (Object.keys(config).length + Object.keys(secrets).length === 0 && !policy)
    throw new BrokerError('invalid_argument', 'nothing to change was named', { hint: 'broker service set --help' });
  const after = await client.services.set({
    name,
    config: toStruct(config) as object,
    secrets,
    ifRevision: before.revision,
    ...(policy && { policy }),
  });
  for (const each of changesOf(mapped, typed)) say(`note: ${each}`);
  sayDropped(
    after.name,
    before.secretsSet.filter((secret) => !after.secretsSet.includes(secret)),
  );
  if (isGiven(line, 'json')) printJson(shown(after));
  else say(`${after.name}: ${after.target}`);
  warnClosed(after);
  return 0;
}

/** Prints the help, with the fields of the kind where one is named and the daemon is there to tell. */
async function helped(args: readonly string[], text: string): Promise<boolean> {
  if (!args.includes('--help') && !args.includes('-h')) return false;
  const kind = peek(args, '--kind');
  if (kind === undefined) print(`${text}\n\nThe fields of a kind: broker service add --help --kind KIND`);
  else print(`${text}\n\nFields of ${kind}:\n${describeFields(fieldsOf(await knownKinds(), kind)).join('\n')}`);
  return true;
}

async function knownKinds(): Promise<Kind__Output[]> {
  using client = openClient();
  return (await client.kinds.list({})).kinds;
}

function isGiven(line: ServiceLine, name: string): boolean {
  return line.own.some((flag) => flag.name === name);
}

/** What the URL left to a default is no news where a flag says it. */
function changesOf(mapped: ReturnType<typeof mapServiceUrl> | undefined, typed: FieldValues): readonly string[] {
  return mapped && typed.config.tls === undefined ? mapped.changes : [];
}

function unsetFields(
  unset: readonly string[],
  fields: readonly { readonly name: string; readonly type: string }[],
): Record<string, JsonValue> {
  const names = unset
    .filter((name) => !POLICY_FLAGS.some((flag) => flag === name))
    .map((name) => name.replaceAll('-', '_'));
  for (const name of names) {
    const field = fields.find((known) => known.name === name);
    if (!field) throw new BrokerError('invalid_argument', `--unset ${name}: this is not a field of this kind`);
    if (field.type === 'TYPE_SECRET')
      throw new BrokerError('invalid_argument', `--unset ${name}: a secret can be replaced, not removed by itself`);
  }
  return Object.fromEntries(names.map((name) => [name, null]));
}

function sayDropped(name: string, dropped: readonly string[]): void {
  const [first] = dropped;
  if (first === undefined) return;
  say(
    `${name}: the stored ${dropped.join(', ')} was dropped, since it would now go somewhere else; give it again: broker service set ${name} --${first.replaceAll('_', '-')}-stdin`,
  );
}

function bytesOf(secrets: Readonly<Record<string, Secret>> = {}): { [name: string]: Buffer } {
  return Object.fromEntries(
    Object.entries(secrets).map(([name, secret]) => [name, secret.use((bytes) => Buffer.from(bytes))]),
  );
}
