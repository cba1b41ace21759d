import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { addressGuard } from '../../../src/daemon/sessions/guard.ts';

const guard = addressGuard((port) => port === 8392);

test('metadata services are never dialled, however they are spelled', () => {
  for (const address of [
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    'fd00:ec2::254',
    'fd20:ce::254',
    '169.254.170.23',
    'fd00:ec2::23',
  ])
    assert.equal(guard(address, 80)?.code, 'denied', address);
});

test("broker's own ports are not dialled at any address of this machine", () => {
  const own = Object.values(networkInterfaces()).flatMap((entries) => entries?.map(({ address }) => address) ?? []);
  for (const address of ['127.0.0.1', '127.8.8.8', '0.0.0.0', '::', '::1', '::ffff:127.0.0.1', ...own])
    assert.equal(guard(address, 8392)?.code, 'denied', address);
  assert.equal(guard('192.0.2.1', 8392), undefined);
});

test('whatever else the admin named passes, private and local addresses too', () => {
  for (const address of ['127.0.0.1', '10.0.0.1', '::1', 'fe80::1%eth0', '192.0.2.1'])
    assert.equal(guard(address, 5432), undefined, address);
});
