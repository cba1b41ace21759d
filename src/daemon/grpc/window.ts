import { EventEmitter } from 'node:events';
import type { ServerHttp2Session } from 'node:http2';
import type { ConnectionInjector, Server, ServerCredentials } from '@grpc/grpc-js';
import { FLOW_WINDOW_BYTES } from '../../core/rpc.ts';

/**
 * An injector whose connections take FLOW_WINDOW_BYTES of a call, and of all calls, before the sender has to wait. HTTP/2
 * begins with 64 KiB (RFC 9113 §6.9.2), at which a file that is sent has both processes wake each other for every message.
 * Clients that flood both ways keep the small window for what they receive (ConnectOptions.receiveMuch says why).
 * grpc-js 1.14 has an option for its clients only, and keeps its HTTP/2 servers to itself: where they are not found,
 * transfers are slow and all else is as ever (a test sees that).
 */
export function wideInjector(server: Server, credentials: ServerCredentials): ConnectionInjector {
  const known = http2Servers(server);
  const injector = server.createConnectionInjector(credentials);
  for (const http2Server of http2Servers(server)) {
    if (!known.includes(http2Server)) http2Server.on('session', widen);
  }
  return injector;
}

function widen(session: ServerHttp2Session): void {
  session.settings({ initialWindowSize: FLOW_WINDOW_BYTES });
  session.setLocalWindowSize(FLOW_WINDOW_BYTES);
}

function http2Servers(server: Server): EventEmitter[] {
  const servers: unknown = Reflect.get(server, 'http2Servers');
  return servers instanceof Map ? [...servers.keys()].filter((made) => made instanceof EventEmitter) : [];
}
