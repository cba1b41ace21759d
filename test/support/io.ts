import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { Conn } from '../../src/core/conn.ts';
import { dial, type HopListener } from '../../src/core/dial.ts';
import type { DriverIo } from '../../src/core/driver.ts';
import { tlsContext } from '../../src/core/tls.ts';

/** What the daemon gives a driver, without a daemon: the real dialler, TLS and randomness. */
export function testIo(passed: HopListener = () => undefined): DriverIo {
  return {
    dial: (target, signal) => dial(target, () => undefined, passed, signal),
    redial: async (address, signal) =>
      (
        await dial(
          address,
          () => undefined,
          () => undefined,
          signal,
        )
      ).conn,
    tlsContext,
    random: randomBytes,
    passed,
  };
}

/** A connection to a listener of ours, as a client has it. */
export async function clientConn(port: number): Promise<Conn> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', () => resolve());
    socket.once('error', reject);
  });
  return new Conn(socket, 'upstream');
}
