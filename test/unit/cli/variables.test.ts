import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { exportLines, gitVariables, plainVariables, presetVariables } from '../../../src/cli/variables.ts';

const TOKEN = `brk_abcdefghij_${'A'.repeat(43)}`;
const REACHED = {
  service: 'my-api',
  url: 'http://127.0.0.1:8390/proxy/my-api',
  token: TOKEN,
  base: 'https://git.example:8443/',
};

test('templates are filled with address, token, its shape, and where the service really is', () => {
  const { set, unset, git } = presetVariables(
    {
      env: { A_URL: '{url}/v1', A_KEY: '{placeholder}', A_TOKEN: '{token}', A_NAME: '{service}', A_FLAG: '1' },
      unset: ['A_OTHER'],
      placeholder: 'sk-{token}',
      gitConfig: [
        { key: 'url.{url}/.insteadOf', value: '{base}/' },
        { key: 'url.{url}/.insteadOf', value: 'git@{base_host}:' },
      ],
    },
    REACHED,
  );
  assert.deepEqual(set, {
    A_URL: 'http://127.0.0.1:8390/proxy/my-api/v1',
    A_KEY: `sk-${TOKEN}`,
    A_TOKEN: TOKEN,
    A_NAME: 'my-api',
    A_FLAG: '1',
  });
  assert.deepEqual(unset, ['A_OTHER']);
  assert.deepEqual(git, [
    ['url.http://127.0.0.1:8390/proxy/my-api/.insteadOf', 'https://git.example:8443/'],
    ['url.http://127.0.0.1:8390/proxy/my-api/.insteadOf', 'git@git.example:8443:'],
  ]);
});

test('a service without preset has variables of its own name', () => {
  assert.deepEqual(plainVariables({ ...REACHED, service: '2nd.api-v1' }).set, {
    _2ND_API_V1_URL: REACHED.url,
    _2ND_API_V1_TOKEN: TOKEN,
  });
});

test('settings of git go behind those that are there already', () => {
  const settings = [['http.proxy', '']] as const;
  assert.deepEqual(gitVariables([], { GIT_CONFIG_COUNT: '1' }), {});
  assert.deepEqual(gitVariables(settings, {}), {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'http.proxy',
    GIT_CONFIG_VALUE_0: '',
  });
  assert.deepEqual(gitVariables(settings, { GIT_CONFIG_COUNT: '2' }), {
    GIT_CONFIG_COUNT: '3',
    GIT_CONFIG_KEY_2: 'http.proxy',
    GIT_CONFIG_VALUE_2: '',
  });
  assert.equal(gitVariables(settings, { GIT_CONFIG_COUNT: 'many' }).GIT_CONFIG_COUNT, '1');
});

test('a shell reads back exactly what was printed, whatever is in it', () => {
  const nasty = `it's "$HOME" \`id\` $(id) \\ \n!x ü`;
  const script = exportLines({ NASTY: nasty }, ['GONE', 'AWAY']).join('\n');
  const output = execFileSync('sh', ['-c', `${script}\nprintf '%s|%s' "$NASTY" "\${GONE-unset}"`], {
    env: { GONE: 'here', PATH: process.env.PATH },
  });
  assert.equal(output.toString(), `${nasty}|unset`);
});
