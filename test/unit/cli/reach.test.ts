import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostOf } from '../../../src/cli/reach.ts';

test('the host of a daemon is what NO_PROXY has to hold: no scheme, port, path or brackets; none for a socket', () => {
  for (const [address, host] of [
    ['broker.example:8392', 'broker.example'],
    ['https://broker.example:8392', 'broker.example'],
    ['http://10.0.0.7:8390/proxy', '10.0.0.7'],
    ['https://broker.example/', 'broker.example'],
    ['[2001:db8::1]:8392', '2001:db8::1'],
    ['https://[2001:db8::1]:8392', '2001:db8::1'],
  ] as const)
    assert.deepEqual(hostOf(address), [host], address);
  for (const socket of ['unix:/run/broker/broker.sock', '/run/broker/broker.sock'])
    assert.deepEqual(hostOf(socket), [], socket);
});
