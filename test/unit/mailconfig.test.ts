import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/core/json.ts';
import { Secret } from '../../src/core/secret.ts';
import { describe as describeImap, imapConfig } from '../../src/drivers/imap/config.ts';
import { hint as imapHint } from '../../src/drivers/imap/hint.ts';
import { describe as describeSmtp, smtpConfig } from '../../src/drivers/smtp/config.ts';
import { hint as smtpHint } from '../../src/drivers/smtp/hint.ts';

const secrets = new Map([['password', Secret.fromText('pw')]]);
const BASE: JsonObject = { host: 'mail.test', user: 'alice@example.test' };

test('the port follows the kind of TLS, as it does everywhere', () => {
  const imap = (fields: JsonObject) => describeImap(imapConfig.parse({ ...BASE, ...fields }, secrets));
  const smtp = (fields: JsonObject) => describeSmtp(smtpConfig.parse({ ...BASE, ...fields }, secrets));
  assert.deepEqual(
    [imap({}), imap({ tls: 'starttls' }), imap({ tls: 'none' }), imap({ port: 1 })],
    ['IMAP at mail.test:993', 'IMAP at mail.test:143', 'IMAP at mail.test:143', 'IMAP at mail.test:1'],
  );
  assert.deepEqual(
    [smtp({}), smtp({ tls: 'implicit' }), smtp({ tls: 'none' })],
    ['SMTP at mail.test:587', 'SMTP at mail.test:465', 'SMTP at mail.test:25'],
  );
});

test('what cannot work is refused by field, all of it at once', () => {
  for (const [fields, set, message] of [
    [{}, [], /password is required/],
    [{ auth: 'xoauth2' }, ['password'], /refresh_token or service_account is required with auth xoauth2/],
    [{}, ['refresh_token'], /token_url is required with refresh_token; client_id is required/],
    [{ token_url: 'http://a.test/', client_id: 'x' }, ['refresh_token'], /token_url must be an https URL/],
    [{ tls: 'auto' }, ['password'], /tls must not be "auto": it would fall back/],
    [
      { auth: 'plain' },
      ['refresh_token', 'service_account'],
      /service_account must not be given together.*password is required/,
    ],
  ] as const)
    for (const spec of [imapConfig, smtpConfig])
      assert.throws(() => spec.validate({ ...BASE, ...fields }, [...set]), { code: 'invalid_argument', message });
  for (const spec of [imapConfig, smtpConfig]) {
    spec.validate(BASE, ['service_account']);
    for (const name of ['host', 'port', 'tls', 'ca', 'server_name', 'auth', 'token_url', 'via'])
      assert(spec.redirects.includes(name), name);
  }
  assert.throws(() => smtpConfig.validate({ ...BASE, allow_from: ['a b'] }, ['password']), /allow_from has an entry/);
});

test('hints quote for the shell and the URL, over TCP, TLS and unix sockets', () => {
  const config = imapConfig.parse({ ...BASE, user: "o'neil:x@y" }, secrets);
  const url = 'imaps://o%27neil%3Ax%40y:t%27k@127.0.0.1:4711/';
  const tls = { listen: 'tcp', host: '127.0.0.1', port: 4711, tls: true, caFile: "/ca's.pem", ticket: "t'k" } as const;
  const hint = imapHint(tls, config);
  assert.equal(hint.url, url);
  assert.equal(hint.example, `curl -sS --cacert '/ca'\\''s.pem' '${url}'`);
  assert.equal(hint.env.IMAP_PASSWORD, "t'k");
  const unix = { listen: 'unix', host: '/run/x', path: '/run/x/smtp.sock', port: 0, tls: false } as const;
  const example = smtpHint(unix, smtpConfig.parse(BASE, secrets)).example;
  assert.match(
    example,
    /\| curl -sS --unix-socket '\/run\/x\/smtp\.sock' 'smtp:\/\/alice%40example\.test:any@localhost' --mail-from 'alice@example\.test'/,
  );
});
