import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { cleaned, isSecretValue } from '../../../src/cli/cleaning.ts';

/** Harmless in themselves: what matters is the name. */
const BY_NAME = {
  AWS_SECRET_ACCESS_KEY: 'abc',
  AWS_ACCESS_KEY_ID: 'abc',
  AWS_SESSION_TOKEN: 'abc',
  OPENAI_API_KEY: 'abc',
  OPENAIKEY_KEY: 'abc',
  GH_TOKEN: 'abc',
  NPM_CONFIG__AUTH: 'abc',
  npm_config__authtoken: 'abc',
  DB_PASSWORD: '1234',
  DBPASSWORD: 'true',
  DB_PASS: 'abc',
  MYSQL_PWD: 'abc',
  PGPASSWORD: 'abc',
  PGPASSFILE: '/home/me/.pgpass',
  SSH_AUTH_SOCK: '/run/user/1000/keyring/ssh',
  GOOGLE_APPLICATION_CREDENTIALS: '/home/me/key.json',
  KUBECONFIG: '/home/me/.kube/config',
  SENTRY_DSN: 'abc',
  AZURE_CONNECTION_STRING: 'abc',
  BROKER_TOKEN: 'abc',
  BROKER_PASSWORD_FILE: '/home/me/master',
  BROKER_HOME: '/home/me/.broker',
  SESSION_COOKIE: 'abc',
  private_key: 'abc',
};

/** Names that say nothing. */
const BY_VALUE = [
  `sk-proj-${'a1B2'.repeat(10)}`,
  `sk_live_${'a1B2'.repeat(6)}`,
  `sk-ant-api03-${'a1B2'.repeat(10)}`,
  `ghp_${'a1B2'.repeat(9)}`,
  `github_pat_${'a1B2'.repeat(12)}`,
  `glpat-${'a1B2'.repeat(5)}`,
  'xoxb-123456789012-abcdefghijkl',
  'AKIAIOSFODNN7EXAMPLE',
  `AIza${'a1B2'.repeat(9)}`,
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
  '-----BEGIN OPENSSH PRIVATE KEY-----\nabc',
  'postgres://app:secret@db.example/app',
  'redis://:secret@cache.example',
  'Server=db;User Id=app;Password=secret;',
  'Bearer abcdefgh12345678',
  `brk_abcdefghij_${'A'.repeat(43)}`,
  'deadbeef0123456789abcdef01234567',
  'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
];

const INNOCENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/home/me',
  PWD: '/srv/some-project/with/A/Long/Path/2026',
  OLDPWD: '/',
  USER: 'me',
  SHELL: '/bin/bash',
  LANG: 'en_US.UTF-8',
  TERM: 'xterm-256color',
  COLORTERM: 'truecolor',
  TERM_SESSION_ID: 'w0t0p0:A2B4C6D8-1234-5678-9ABC-DEF012345678',
  XDG_SESSION_ID: '42',
  MACHINE: 'a2b4c6d8-1234-5678-9abc-def012345678',
  TOKENIZERS_PARALLELISM: 'false',
  MAX_TOKENS: '8192',
  USE_API_KEY: 'true',
  LS_COLORS: 'rs=0:di=01;34:ln=01;36:mh=00:pi=40;33:so=01;35:do=01;35',
  KEYBOARD: 'us',
  MONKEY: 'banana',
  PASSENGERS_URL: '',
  HTTP_PROXY: 'http://proxy.example:3128',
  GOFLAGS: '-mod=mod',
  PS1: '\\u@\\h:\\w\\$ ',
  NODE_OPTIONS: '--max-old-space-size=4096',
  COMPILER: 'aarch64-unknown-linux-gnu-clang++-18',
};

describe('a clean environment', () => {
  test('has nothing whose name says that it is a credential', () => {
    assert.deepEqual(cleaned(BY_NAME, []), { env: {}, dropped: Object.keys(BY_NAME).sort() });
  });

  test('has nothing whose value looks like one, whatever it is called', () => {
    for (const value of BY_VALUE) assert.ok(isSecretValue(value), value);
  });

  test('has no random word, in any of the usual alphabets', () => {
    for (let round = 0; round < 200; round++) {
      // The same words at every run: one in a thousand has no digit, and would pass for a name.
      const bytes = createHash('sha256').update(`word ${round}`).digest();
      const hex = bytes.toString('hex');
      for (const value of [hex, bytes.toString('base64url'), bytes.toString('base64')]) {
        const { dropped } = cleaned({ THING: value }, []);
        assert.deepEqual(dropped, ['THING'], value);
      }
    }
  });

  test('keeps what programs need', () => {
    assert.deepEqual(cleaned(INNOCENT, []), { env: INNOCENT, dropped: [] });
  });

  test('keeps what it is told to', () => {
    const { env, dropped } = cleaned({ ...BY_NAME, THING: BY_VALUE[0] }, ['SSH_AUTH_SOCK', 'THING']);
    assert.deepEqual(Object.keys(env).sort(), ['SSH_AUTH_SOCK', 'THING']);
    assert.equal(dropped.length, Object.keys(BY_NAME).length - 1);
  });
});
