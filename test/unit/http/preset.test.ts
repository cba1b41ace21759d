import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { BrokerError } from '../../../src/core/errors.ts';
import { parsePreset } from '../../../src/http/preset.ts';

const WHOLE = {
  name: 'acme',
  title: 'Acme',
  about: 'Sends anvils.',
  kind: 'header',
  config: { header_name: 'x-acme', default_headers: ['acme-version: 2'], rate: 60, allow_private: true },
  ask: { base_url: 'https://TENANT.acme.example' },
  credential: { field: 'header_value', what: 'a key', env: ['ACME_KEY', 'ACME_API_KEY'] },
  env: { ACME_URL: '{url}/v2', ACME_KEY: '{placeholder}' },
  unset: ['ACME_API_KEY'],
  placeholder: 'acme-{token}',
  git_config: [
    ['url.{url}/.insteadOf', '{base}/'],
    ['http.{url}/.proxy', ''],
  ],
};
const LEAST = {
  name: 'acme',
  title: 'Acme',
  kind: 'bearer',
  config: {},
  credential: { field: 'token', what: 'a key', env: [] },
  env: {},
};

const parse = (object: unknown) => parsePreset(JSON.stringify(object), 'presets/acme.json');

describe('a preset file', () => {
  test('is read with everything that it may hold', () => {
    const { git_config, ...others } = WHOLE;
    assert.deepEqual(parse(WHOLE), { ...others, gitConfig: git_config });
  });

  test('needs no more than a kind, a credential and the names of variables', () => {
    const defaults = { about: '', ask: {}, unset: [], placeholder: '{token}', gitConfig: [] };
    assert.deepEqual(parse(LEAST), { ...LEAST, ...defaults });
  });

  test('says of every fault in which field it is', () => {
    const long = 'x'.repeat(1_025);
    const cases: readonly (readonly [change: object, says: string])[] = [
      [{ name: 'Acme Inc' }, 'name must be 1 to 64 characters of a-z 0-9 . _ -'],
      [{ name: undefined }, 'name is missing'],
      [{ name: '../acme' }, 'name must be 1 to 64 characters'],
      [{ title: 7 }, 'title must be text'],
      [{ title: '' }, 'title must have 1 to 1024 characters'],
      [{ title: long }, 'title must have 1 to 1024 characters'],
      [{ title: 'A\u001b[2J' }, 'title must not have control characters'],
      [{ tittle: 'Acme' }, 'tittle is not known (did you mean title?)'],
      [{ kind: undefined }, 'kind is missing'],
      [{ config: [] }, 'config must be an object'],
      [{ config: undefined }, 'config is missing'],
      [{ config: { 'Base-Url': 'x' } }, 'config.Base-Url is not the name of a field'],
      [{ config: { base_url: { a: 1 } } }, 'config.base_url must be a text, a number, true, false or a list of texts'],
      [{ config: { base_url: null } }, 'config.base_url must be'],
      [{ ask: { base_url: 1 } }, 'ask.base_url must be text'],
      [{ ask: { header_name: 'x' } }, 'ask has header_name, which config gives'],
      [{ credential: undefined }, 'credential is missing'],
      [{ credential: { ...WHOLE.credential, value: 'sk-1' } }, 'credential.value is not known'],
      [{ credential: { ...WHOLE.credential, field: 'Token' } }, 'credential.field must be a field of the kind'],
      [{ credential: { ...WHOLE.credential, what: undefined } }, 'credential.what is missing'],
      [{ credential: { ...WHOLE.credential, env: 'ACME_KEY' } }, 'credential.env must be a list of names of variables'],
      [{ env: undefined }, 'env is missing'],
      [{ env: { 'A B': '{url}' } }, 'env.A B is not the name of a variable'],
      [{ env: { A: '{tokn}' } }, 'env.A has {tokn}, which is not known (did you mean {token}?)'],
      [{ env: { A: '{}' } }, 'env.A has {}, which is not known'],
      [{ unset: ['A=1'] }, 'unset must be a list of names of variables'],
      [{ unset: ['ACME_URL'] }, 'unset has ACME_URL, which env sets'],
      [{ placeholder: 'acme{token}' }, 'placeholder must be {token}, with at most'],
      [{ placeholder: 'acme-' }, 'placeholder must be {token}, with at most'],
      [{ git_config: [['one']] }, 'git_config[0] must be a list of a key and a value'],
      [{ git_config: [['a', 'b', 'c']] }, 'git_config[0] must be a list of a key and a value'],
      [{ git_config: [['a.b', '{secret}']] }, 'git_config[0] has {secret}, which is not known'],
      [{ git_config: {} }, 'git_config must be a list of at most 100 entries'],
    ];
    for (const [change, says] of cases) {
      assert.throws(
        () => parse({ ...WHOLE, ...change }),
        (error) => {
          assert.ok(error instanceof BrokerError);
          assert.equal(error.code, 'invalid_argument');
          assert.ok(error.message.startsWith('presets/acme.json: '), error.message);
          assert.ok(error.message.includes(says), `${JSON.stringify(change)}: ${error.message}`);
          return true;
        },
      );
    }
  });

  test('tells all faults at once', () => {
    assert.throws(() => parse({ ...WHOLE, title: 1, kind: 2, extra: 3 }), /extra is not known; title .*; kind /);
  });

  test('must be one JSON object', () => {
    assert.throws(() => parsePreset('{', 'presets/acme.json'), /presets\/acme\.json is not JSON/);
    assert.throws(() => parsePreset('[]', 'presets/acme.json'), /presets\/acme\.json must hold one JSON object/);
  });
});

test('every preset that comes with broker is one, and sets a variable for each of its credentials or git', () => {
  const folder = new URL('../../../src/http/presets/', import.meta.url);
  const names = readdirSync(folder);
  assert.ok(names.length >= 15);
  for (const file of names) {
    const preset = parsePreset(readFileSync(new URL(file, folder), 'utf8'), file);
    assert.equal(`${preset.name}.json`, file);
    const templates = [...Object.values(preset.env), ...preset.gitConfig.flat()].join(' ');
    assert.match(templates, /\{(token|placeholder)\}/, file);
    assert.match(templates, /\{url\}/, file);
    // Where a client looks for the real one is either ours or gone.
    const { env } = preset.credential;
    if (!env.some((variable) => Object.hasOwn(preset.env, variable))) continue;
    for (const variable of env)
      assert.ok(Object.hasOwn(preset.env, variable) || preset.unset.includes(variable), `${file}: ${variable}`);
  }
});

test('the preset that the documentation shows is one', () => {
  const page = readFileSync(new URL('../../../docs/apikey.md', import.meta.url), 'utf8');
  const [, json = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
  assert.equal(parsePreset(json, 'acme.json').name, 'acme');
});
