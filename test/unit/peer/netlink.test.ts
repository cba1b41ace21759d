import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeReply, encodeRequest } from '../../../src/daemon/peer/netlink.ts';

const tuple = { local: { address: '127.0.0.1', port: 50_000 }, remote: { address: '127.0.0.1', port: 4_660 } };

/** An inet_diag_msg as the kernel sends it. */
function reply(over: { family?: number; sport?: number; dport?: number; dst?: string; uid?: number; inode?: number }) {
  const { family = 2, sport = 50_000, dport = 4_660, dst = '7f000001', uid = 1000, inode = 4711 } = over;
  const bytes = Buffer.alloc(124);
  const mapped = family === 10 ? '00000000000000000000ffff' : '';
  bytes.writeUInt32LE(124, 0);
  bytes.writeUInt16LE(20, 4);
  bytes.writeUInt8(family, 16);
  bytes.writeUInt16BE(sport, 20);
  bytes.writeUInt16BE(dport, 22);
  bytes.write(`${mapped}7f000001`, 24, 'hex');
  bytes.write(`${mapped}${dst}`, 40, 'hex');
  bytes.writeUInt32LE(uid, 80);
  bytes.writeUInt32LE(inode, 84);
  return bytes;
}

test('asks for exactly one connection', () => {
  assert.equal(
    encodeRequest(tuple)?.toString('hex'),
    '48000000140001000100000000000000' + // nlmsghdr: 72 bytes, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST
      '02060000ffffffff' + // AF_INET, IPPROTO_TCP, every state
      'c35012347f0000010000000000000000000000007f00000100000000000000000000000000000000' + // ports, addresses
      'ffffffffffffffff', // any interface is 0, any cookie is all ones
  );
});

test('reads the owner, for a client that speaks IPv6 too', () => {
  assert.deepEqual(decodeReply(reply({}), tuple), { uid: 1000, inode: 4711 });
  assert.deepEqual(decodeReply(reply({ family: 10 }), tuple), { uid: 1000, inode: 4711 });
});

test('a listening socket or any other connection is no answer', () => {
  for (const other of [{ dport: 0 }, { sport: 50_001 }, { dst: '7f000002' }, { dst: '00000000' }])
    assert.equal(decodeReply(reply(other), tuple), undefined);
});

test('no such connection is undefined; any other refusal of the kernel throws', () => {
  const error = (errno: number): Buffer => {
    const bytes = Buffer.alloc(36);
    bytes.writeUInt16LE(2, 4);
    bytes.writeInt32LE(-errno, 16);
    return bytes;
  };
  assert.equal(decodeReply(error(2), tuple), undefined);
  assert.throws(() => decodeReply(error(1), tuple));
  assert.throws(() => decodeReply(reply({}).subarray(0, 60), tuple));
});
