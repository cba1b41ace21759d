import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressClass, egressGuard } from '../../../src/http/egress.ts';

const TABLE = {
  public: [
    '8.8.8.8',
    '1.1.1.1',
    '2606:4700::1111',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
    '2002:808:808::1',
    '172.32.0.1',
  ],
  private: [
    ...['127.0.0.1', '127.255.0.1', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', '::1'],
    ...[
      'fc00::1',
      'fd12:3456::1',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '0:0:0:0:0:ffff:10.0.0.1',
      '64:ff9b::127.0.0.1',
    ],
    ...['64:ff9b::7f00:1', '2002:7f00:1::', '2002:a00:1::5', '::ffff:0:127.0.0.1', '::ffff:0:c0a8:101'],
  ],
  forbidden: [
    ...['169.254.169.254', '169.254.170.2', '100.100.100.200', '168.63.129.16', '192.0.0.192', 'fd00:ec2::254'],
    ...[
      '::ffff:169.254.169.254',
      '::ffff:a9fe:a9fe',
      '64:ff9b::a9fe:a9fe',
      '2002:a9fe:a9fe::',
      '::ffff:0:169.254.169.254',
    ],
    ...['64:ff9b::168.63.129.16', '64:ff9b:1::1', 'fe80::1', 'fe80::1%eth0', '::169.254.169.254', '::127.0.0.1', '::'],
    ...['0.0.0.0', '0.1.2.3', '224.0.0.1', '255.255.255.255', 'ff02::1', '2001:db8::1', '2001:0::1', 'fec0::1'],
    ...['192.88.99.1', '198.18.0.1', '198.19.255.255', '198.51.100.7', '203.0.113.7', '192.0.2.1', '240.0.0.1'],
    ...['100::1', '5f00::1', '3fff::1', 'fe80::a9fe:a9fe', 'fec0::1:1', 'febf::1'],
    ...['localhost', '', '0x7f000001', '2130706433', '127.1', '0177.0.0.1'],
  ],
} as const;

for (const [kind, addresses] of Object.entries(TABLE)) {
  for (const address of addresses) {
    test(`${address} is ${kind}`, () => assert.equal(addressClass(address), kind));
  }
}

test('private addresses pass where the service says so; forbidden ones and what the daemon forbids never do', () => {
  const inner = (address: string) => (address === '10.9.9.9' ? new Error('own') : undefined);
  const open = egressGuard(true, inner as never);
  const shut = egressGuard(false, inner as never);
  assert.equal(open('10.0.0.1', 443), undefined);
  assert.ok(shut('10.0.0.1', 443));
  assert.ok(shut('64:ff9b::10.0.0.1', 443));
  assert.ok(open('169.254.169.254', 80));
  assert.ok(open('10.9.9.9', 443), 'the daemon’s own guard is asked as well');
  assert.equal(shut('8.8.8.8', 443), undefined);
});
