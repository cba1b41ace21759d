import type { Writable } from 'node:stream';

/**
 * Has everything that is written to a socket within one turn of the loop leave in one system call. ssh2 writes each packet
 * in three pieces (length, body, MAC), and a channel's data in packets of 32 KiB: sent one by one, most of the time of a
 * transfer is spent in the system calls, here and at the server.
 * @returns the same socket.
 */
export function gatherWrites<T extends Writable>(socket: T): T {
  const write = socket.write;
  let gathering = false;
  const send = (): void => {
    gathering = false;
    socket.uncork();
  };
  socket.write = (...args: unknown[]): boolean => {
    if (!gathering) {
      gathering = true;
      socket.cork();
      process.nextTick(send);
    }
    return Reflect.apply(write, socket, args);
  };
  return socket;
}
