import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { describeFields, fieldTakesValue, readFields, splitFlags } from '../../../src/cli/fields.ts';
import { BrokerError } from '../../../src/core/errors.ts';
import type { Field__Output } from '../../../src/core/proto/broker/v1/Field.ts';

const folder = mkdtempSync(join(tmpdir(), 'broker-fields-'));
before(() => writeFileSync(join(folder, 'text'), 'from a file\r\n'));
after(() => rmSync(folder, { recursive: true }));

const FIELDS = [
  field('host', 'TYPE_TEXT', { required: true }),
  field('server_name', 'TYPE_TEXT'),
  field('tls', 'TYPE_CHOICE', { choices: ['verify-full', 'disable'], defaultJson: '"verify-full"' }),
  field('allow_from', 'TYPE_LIST', { defaultJson: '[]' }),
  field('allow_private', 'TYPE_BOOLEAN', { defaultJson: 'false' }),
  field('password', 'TYPE_SECRET'),
];

function field(name: string, type: Field__Output['type'], facts: Partial<Field__Output> = {}): Field__Output {
  const none = { doc: '', required: false, defaultJson: '', choices: [], redirects: false, multiline: false };
  return { name, type, ...none, ...facts };
}

async function read(...args: string[]) {
  const { flags } = splitFlags(args, (name) => fieldTakesValue(FIELDS, name));
  const { config, secrets } = await readFields(FIELDS, flags, ['replace']);
  const shown = Object.entries(secrets).map(([name, secret]) => [name, secret.use((bytes) => bytes.toString())]);
  return { config, secrets: Object.fromEntries(shown) };
}

function refuses(args: string[], message: RegExp) {
  return assert.rejects(read(...args), (error: unknown) => {
    assert.ok(error instanceof BrokerError);
    assert.equal(error.code, 'invalid_argument');
    assert.match(error.message, message);
    return true;
  });
}

test('words and flags are told apart', () => {
  const takesValue = (name: string): boolean => name !== 'json';
  assert.deepEqual(splitFlags(['app-db', '--host', 'db', '--port=5432', '--json', '-f', '-', '--empty='], takesValue), {
    words: ['app-db'],
    flags: [
      { name: 'host', value: 'db' },
      { name: 'port', value: '5432' },
      { name: 'json', value: undefined },
      { name: 'f', value: '-' },
      { name: 'empty', value: '' },
    ],
  });
});

test('a flag does not swallow the next one as its value, unless = says so', () => {
  assert.deepEqual(
    splitFlags(['--host', '--port', '1', '--name=--x'], () => true).flags.map((flag) => flag.value),
    [undefined, '1', '--x'],
  );
});

test('fields come from their flags, in kebab case', async () => {
  assert.deepEqual(
    await read('--host', 'db', '--server-name=a b', '--allow-private', '--allow-from', 'x', '--allow-from', 'y'),
    {
      config: { host: 'db', server_name: 'a b', allow_private: true, allow_from: ['x', 'y'] },
      secrets: {},
    },
  );
});

test('fields come from files and the environment, without the last line end', async () => {
  process.env.BROKER_TEST_FIELD = 'from the environment';
  try {
    assert.deepEqual(await read('--host-file', join(folder, 'text'), '--password-env', 'BROKER_TEST_FIELD'), {
      config: { host: 'from a file' },
      secrets: { password: 'from the environment' },
    });
  } finally {
    delete process.env.BROKER_TEST_FIELD;
  }
});

test('a secret on the command line is refused, with the ways that are left', () =>
  refuses(['--password', 'hunter2'], /^--password is a secret and must not stand on a command line/));

test('the message about a secret on the command line does not repeat it', async () => {
  const error = await read('--password=hunter2').catch((thrown: unknown) => thrown);
  assert.ok(error instanceof BrokerError);
  assert.doesNotMatch(`${error.message}${error.hint}`, /hunter2/);
});

for (const [args, message] of [
  [['--hots', 'db'], /^--hots is not a field of this kind \(did you mean --host\?\)$/],
  [['--pasword-stdin'], /\(did you mean --password-stdin\?\)$/],
  [['--relpace', 'x'], /\(did you mean --replace\?\)$/],
  [['--entirely-else', 'x'], /^--entirely-else is not a field of this kind$/],
  [['--host'], /^--host needs a value$/],
  [['--host', 'a', '--host-file', 'b'], /^--host and --host-file: host is given twice$/],
  [['--password-stdin', '--host-stdin'], /^standard input can be read for one field only$/],
  [['--password-stdin=x'], /^--password-stdin takes no value/],
  [['--password-env', 'BROKER_TEST_NOT_SET'], /^--password-env: the variable BROKER_TEST_NOT_SET is not set$/],
  [
    ['--password-file', '/nowhere/at/all'],
    /^cannot read the password-file from \/nowhere\/at\/all: there is no such file or folder$/,
  ],
  [
    ['--host-file', '/nowhere/at/all'],
    /^cannot read the host-file from \/nowhere\/at\/all: there is no such file or folder$/,
  ],
] as const) {
  test(`${args.join(' ')} is refused`, () => refuses([...args], message));
}

test('help shows how each field is given, and its default', () => {
  assert.deepEqual(
    describeFields(FIELDS).map((line) => line.trim().replace(/ +/g, ' ')),
    [
      '--host TEXT (required)',
      '--server-name TEXT',
      '--tls verify-full|disable (default verify-full)',
      '--allow-from TEXT ...',
      '--allow-private (default false)',
      '--password-stdin|-file F|-env VAR',
    ],
  );
});
