import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readServiceFile } from '../../../src/cli/servicefile.ts';
import { refusesInput } from '../../support/refusal.ts';

const folder = mkdtempSync(join(tmpdir(), 'broker-servicefile-'));
after(() => rmSync(folder, { recursive: true }));

function read(content: unknown) {
  const path = join(folder, 'service.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  const { secrets, ...file } = readServiceFile(path);
  const shown = Object.entries(secrets).map(([name, secret]) => [name, secret.use((bytes) => bytes.toString())]);
  return { ...file, secrets: Object.fromEntries(shown) };
}

const refuses = (content: unknown, message: RegExp): void => refusesInput(() => read(content), message);

test('our own JSON, as service show prints it, with secrets where a file may hold them', () => {
  assert.deepEqual(
    read({
      name: 'app-db',
      kind: 'postgres',
      config: { host: 'db' },
      secrets: { password: 's3cret' },
      policy: { allow_tokens: ['ci-*'], max_sessions: 3, max_lifetime: '5400s' },
      secrets_set: ['password'],
      target: 'PostgreSQL at db:5432',
      revision: 7,
      updated_at: '2026-01-31T10:00:00.000Z',
    }),
    {
      name: 'app-db',
      kind: 'postgres',
      config: { host: 'db' },
      secrets: { password: 's3cret' },
      policy: { allowTokens: ['ci-*'], allowUids: [], maxSessions: 3, maxLifetime: { seconds: '5400', nanos: 0 } },
      changes: [],
    },
  );
});

for (const [what, content, message] of [
  ['text that is no JSON', '{"name"', /^-f: this is not JSON$/],
  ['JSON that is no object', '[]', /^-f: this is not a JSON object$/],
  ['an unknown key', { kind: 'postgres', confg: {} }, /^-f: confg is not one of name, kind/],
  ['a missing kind', { name: 'x' }, /^-f: kind is missing$/],
  ['a name that is no text', { kind: 'postgres', name: 7 }, /^-f: name must be text$/],
  ['a config that is no object', { kind: 'postgres', config: 'host' }, /^-f: config must be an object$/],
  ['a secret that is no text', { kind: 'postgres', secrets: { password: 1 } }, /^-f: secrets\.password must be text$/],
  ['an unknown limit', { kind: 'postgres', policy: { max_session: 1 } }, /^-f: policy\.max_session is not known$/],
  ['a limit of the wrong type', { kind: 'postgres', policy: { allow_uids: ['0'] } }, /^-f: policy\.allow_uids/],
] as const) {
  test(`${what} is refused`, () => refuses(content, message));
}

test('a file that is not there is named', () => {
  assert.throws(() => readServiceFile('/nowhere/at/all'), /cannot read the service from \/nowhere\/at\/all/);
});

test('JSON on the command line may hold no secret', () => {
  assert.equal(readServiceFile('{"kind":"postgres","config":{"host":"db"}}').kind, 'postgres');
  assert.throws(
    () => readServiceFile('{"kind":"postgres","secrets":{"password":"s3cret"}}'),
    /must not stand on a command line/,
  );
});
