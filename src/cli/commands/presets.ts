import { closest } from '../../core/config.ts';
import { BrokerError } from '../../core/errors.ts';
import type { Preset__Output } from '../../core/proto/broker/v1/Preset.ts';
import { fromStruct } from '../../core/struct.ts';
import type { BrokerClient } from '../connect.ts';
import { print, printable, printJson, table } from '../output.ts';
import { openClient } from '../place.ts';

/** `broker presets [NAME]`. */
export async function presets(name: string | undefined, options: { json?: boolean }): Promise<number> {
  using client = openClient();
  const wanted = name === undefined ? (await client.presets.list({})).presets : [await findPreset(client, name)];
  if (options.json) printJson(wanted.map(shown));
  else if (name === undefined) {
    const rows = wanted.map((preset) => [
      preset.name,
      preset.title,
      preset.kind,
      String(fromStruct(preset.config).base_url ?? `(${Object.values(preset.ask)[0] ?? ''})`),
      ...(wanted.some(({ own }) => own) ? [preset.own ? 'yes' : ''] : []),
    ]);
    const heading = ['NAME', 'TITLE', 'KIND', 'BASE URL', ...(wanted.some(({ own }) => own) ? ['OWN'] : [])];
    print(table(heading, rows));
  } else for (const preset of wanted) print(described(preset).map(printable).join('\n'));
  return 0;
}

/** The preset of this name. @throws BrokerError `not_found` with the closest known one. */
export async function findPreset(client: BrokerClient, name: string): Promise<Preset__Output> {
  const { presets } = await client.presets.list({});
  const found = presets.find((preset) => preset.name === name);
  if (found) return found;
  const names = presets.map((preset) => preset.name);
  const near = closest(name, names);
  throw new BrokerError('not_found', `there is no preset ${name}${near ? ` (did you mean ${near}?)` : ''}`, {
    hint: `the presets are ${names.join(', ')}`,
  });
}

function described(preset: Preset__Output): string[] {
  const entries = (heading: string, all: Iterable<readonly [string, string]>): string[] => {
    const lines = [...all].map(([name, value]) => `  ${name}${value === '' ? '' : ` = ${value}`}`);
    return lines.length > 0 ? ['', heading, ...lines] : [];
  };
  const asked = Object.entries(preset.ask);
  const flags = asked.map(([field, example]) => ` --${field.replaceAll('_', '-')} ${example}`).join('');
  return [
    `${preset.name}: ${preset.title}${preset.own ? ' (your own)' : ''}`,
    ...(preset.about ? [preset.about] : []),
    '',
    `  broker service add ${preset.name} --preset ${preset.name}${flags} --${preset.credential?.field.replaceAll('_', '-')}-stdin`,
    `  where the secret is ${preset.credential?.what}`,
    ...entries(
      `Fields of its kind, ${preset.kind}:`,
      Object.entries(fromStruct(preset.config)).map(([name, value]) => [name, plain(value)] as const),
    ),
    ...entries('Variables that broker env sets:', Object.entries(preset.env)),
    ...entries(
      'Settings of git:',
      preset.gitConfig.map(({ key, value }) => [key, value] as const),
    ),
    ...entries(
      'Variables that it unsets:',
      preset.unset.map((name) => [name, ''] as const),
    ),
  ];
}

function plain(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}

/** A preset as --json prints it: the form of its file. */
function shown(preset: Preset__Output): object {
  return {
    name: preset.name,
    title: preset.title,
    ...(preset.about && { about: preset.about }),
    kind: preset.kind,
    config: fromStruct(preset.config),
    ...(Object.keys(preset.ask).length > 0 && { ask: preset.ask }),
    credential: preset.credential,
    env: preset.env,
    ...(preset.unset.length > 0 && { unset: preset.unset }),
    placeholder: preset.placeholder,
    ...(preset.gitConfig.length > 0 && { git_config: preset.gitConfig.map(({ key, value }) => [key, value]) }),
  };
}
