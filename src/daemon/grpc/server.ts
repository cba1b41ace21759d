import { readFile } from 'node:fs/promises';
import type { Server as NetServer, Socket } from 'node:net';
import { type ConnectionInjector, Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { BrokerError } from '../../core/errors.ts';
import { otherEnd } from '../peer/connection.ts';
import type { PeerLookup } from '../peer/lookup.ts';
import { packageDefinition } from './definition.ts';
import { listenTcp, listenUnix, type TcpBind, type UnixBind } from './listen.ts';
import { type ConnectionFacts, noteFacts } from './peers.ts';
import { addReflection } from './reflection.ts';
import { wideInjector } from './window.ts';

export interface GrpcServerOptions {
  readonly services: ReadonlyMap<string, UntypedServiceImplementation>;
  readonly peers: PeerLookup;
  readonly unix?: UnixBind;
  readonly tcp?: TcpBind;
}

/** Milliseconds that calls in progress may take to end when the daemon stops. */
const STOP_GRACE_MS = 2_000;
/** Milliseconds for a new connection to say its first word; whoever says nothing must not hold a descriptor. */
const FIRST_WORD_MS = 30_000;
/** Bytes of one message: a whole credential file, with room. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
/** Calls at a time on one connection. */
const MAX_CALLS = 256;
/** Milliseconds between signs of life on a quiet connection, and for the answer: a remote client may just vanish. */
const PING_MS = 60_000;
const PONG_MS = 20_000;

/**
 * The control API on a unix socket and a TCP port. Both accept on a net.Server of ours and inject the connection into
 * grpc-js, since that is the only way to learn who is at the other end.
 */
export class GrpcServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #listeners: NetServer[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #health: HealthImplementation;
  #port: number | undefined;

  private constructor(server: Server, health: HealthImplementation) {
    this.#server = server;
    this.#health = health;
  }

  /** @throws BrokerError `invalid_argument` for a bind that is not allowed, `conflict` when an address is in use. */
  static async start(options: GrpcServerOptions): Promise<GrpcServer> {
    const server = new Server({
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_concurrent_streams': MAX_CALLS,
      'grpc.keepalive_time_ms': PING_MS,
      'grpc.keepalive_timeout_ms': PONG_MS,
    });
    const definition = packageDefinition();
    for (const [name, implementation] of options.services) {
      const service = definition[`broker.v1.${name}`];
      if (!service || !isServiceDefinition(service)) throw new TypeError(`broker.v1.${name} is not in the proto files`);
      server.addService(service, implementation);
    }
    const health = new HealthImplementation({ '': 'SERVING' });
    health.addToServer(server);
    addReflection(server, definition);
    const made = new GrpcServer(server, health);
    try {
      if (options.unix) await made.#listenUnix(options.unix, options.peers);
      if (options.tcp) await made.#listenTcp(options.tcp, options.peers);
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
    return made;
  }

  /** The TCP port in use. */
  get port(): number | undefined {
    return this.#port;
  }

  /** `grpc.health.v1`: NOT_SERVING while the vault is locked, per broker.v1.Sessions; the server itself stays SERVING. */
  setSessionsHealth(serving: boolean): void {
    this.#health.setStatus('broker.v1.Sessions', serving ? 'SERVING' : 'NOT_SERVING');
  }

  /** Takes no more connections; those that are there go on. */
  stopListening(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopListening();
    const stopped = new Promise<void>((resolve) => {
      const force = setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, STOP_GRACE_MS);
      this.#server.tryShutdown(() => {
        clearTimeout(force);
        resolve();
      });
    });
    await stopped;
    for (const socket of this.#sockets) socket.destroy();
  }

  async #listenUnix(bind: UnixBind, peers: PeerLookup): Promise<void> {
    const injector = wideInjector(this.#server, ServerCredentials.createInsecure());
    const listener = await listenUnix(bind, (socket) => {
      const end = otherEnd(socket, 'unix', peers);
      this.#accept(socket, { transport: 'unix', ...end }, () => injector.injectConnection(socket));
    });
    this.#listeners.push(listener);
  }

  async #listenTcp(bind: TcpBind, peers: PeerLookup): Promise<void> {
    const injector = this.#injector(await credentials(bind));
    const listener = await listenTcp(bind, (socket) => {
      const end = otherEnd(socket, 'tcp', peers);
      if (socket.destroyed) return;
      this.#accept(socket, { transport: 'tcp', ...end }, () => injector.injectConnection(socket));
    });
    const address = listener.address();
    this.#port = typeof address === 'object' ? address?.port : undefined;
    this.#listeners.push(listener);
  }

  #injector(credentials: ServerCredentials): ConnectionInjector {
    try {
      return wideInjector(this.#server, credentials);
    } catch (cause) {
      throw new BrokerError('invalid_argument', '--tls-cert, --tls-key or --client-ca holds no usable PEM', { cause });
    }
  }

  #accept(socket: Socket, facts: ConnectionFacts, inject: () => void): void {
    this.#sockets.add(socket);
    const silent = setTimeout(() => socket.bytesRead === 0 && socket.destroy(), FIRST_WORD_MS);
    silent.unref();
    socket.on('close', () => {
      clearTimeout(silent);
      this.#sockets.delete(socket);
    });
    socket.on('error', () => socket.destroy());
    noteFacts(socket, facts);
    inject();
  }
}

async function credentials(bind: TcpBind): Promise<ServerCredentials> {
  if (!bind.tls) return ServerCredentials.createInsecure();
  const [cert_chain, private_key, ca] = await Promise.all([
    readPem('--tls-cert', bind.tls.cert),
    readPem('--tls-key', bind.tls.key),
    bind.tls.clientCa ? readPem('--client-ca', bind.tls.clientCa) : null,
  ]);
  return ServerCredentials.createSsl(ca, [{ cert_chain, private_key }], ca !== null);
}

/** @throws BrokerError `invalid_argument` naming the flag. */
export async function readPem(flag: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new BrokerError('invalid_argument', `${flag}: cannot read ${path}`, { cause });
  }
}

function isServiceDefinition(value: unknown): value is Parameters<Server['addService']>[0] {
  return typeof value === 'object' && value !== null && !('format' in value);
}
