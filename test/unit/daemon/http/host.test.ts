import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { BrokerError } from '../../../../src/core/errors.ts';
import { ANY_HOST, checkOrigin, hostRule } from '../../../../src/daemon/http/host.ts';
import { rig } from '../../../support/rig.ts';

const outcome = (headers: readonly string[], rule = hostRule()): string => {
  try {
    checkOrigin(headers, rule);
    return 'ok';
  } catch (error) {
    assert.ok(error instanceof BrokerError);
    return error.code;
  }
};

test('answers to addresses and to localhost, and to no name that somebody else could make resolve to us', () => {
  const hosts: Readonly<Record<string, string>> = {
    '127.0.0.1:8390': 'ok',
    '127.0.0.1': 'ok',
    'LOCALHOST:1': 'ok',
    '[::1]:8390': 'ok',
    '192.168.1.7:80': 'ok',
    'evil.example': 'denied',
    'localhost.evil.example': 'denied',
    'evil.localhost': 'denied',
    '127.0.0.1.nip.io:8390': 'denied',
    'localhost.': 'denied',
    '0x7f.1': 'denied',
    'a@127.0.0.1': 'invalid_argument',
    '127.0.0.1:8390/': 'invalid_argument',
    '127.0.0.1, evil.example': 'invalid_argument',
    '': 'invalid_argument',
  };
  for (const [host, expected] of Object.entries(hosts)) assert.equal(outcome(['Host', host]), expected, host);
});

test('exactly one Host, whatever the order', () => {
  assert.equal(outcome([]), 'invalid_argument');
  assert.equal(outcome(['Host', '127.0.0.1', 'hOsT', '127.0.0.1']), 'invalid_argument');
});

test('an Origin must be that of the address that was called', () => {
  const origins: Readonly<Record<string, string>> = {
    'http://127.0.0.1:8390': 'ok',
    'HTTP://127.0.0.1:8390': 'ok',
    'https://127.0.0.1:8390': 'denied',
    'http://127.0.0.1:3000': 'denied',
    'http://localhost:8390': 'denied',
    'https://evil.example': 'denied',
    null: 'denied',
    '': 'denied',
  };
  for (const [origin, expected] of Object.entries(origins))
    assert.equal(outcome(['Host', '127.0.0.1:8390', 'Origin', origin]), expected, origin);
});

test('with TLS the names of the certificate are ours, too; on a unix socket any name is', () => {
  const rule = hostRule(readFileSync(rig().tls.server.certFile));
  assert.equal(rule.scheme, 'https');
  assert.equal(outcome(['Host', 'localhost:1'], rule), 'ok');
  assert.equal(outcome(['Host', 'evil.example'], rule), 'denied');
  assert.equal(outcome(['Host', 'whatever'], ANY_HOST), 'ok');
});
