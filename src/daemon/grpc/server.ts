import { chmodSync, chownSync, existsSync, lstatSync, unlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { BrokerError } from '../../core/errors.ts';
import { MAX_SOCKET_PATH } from '../../core/limits.ts';
import type { PeerLookup } from '../peer/lookup.ts';
import { packageDefinition } from './definition.ts';
import { type ConnectionFacts, tagConnection } from './peers.ts';

export interface UnixBind {
  readonly path: string;
  /** 0600 unless a group may use it. */
  readonly mode: number;
  readonly gid?: number;
}

export interface TcpBind {
  readonly host: string;
  readonly port: number;
  /** Paths of PEM files; demanded for anything but loopback. `clientCa` also demands client certificates. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
}

export interface GrpcServerOptions {
  readonly services: ReadonlyMap<string, UntypedServiceImplementation>;
  readonly peers: PeerLookup;
  readonly unix?: UnixBind;
  readonly tcp?: TcpBind;
}

/** Milliseconds that calls in progress may take to end when the daemon stops. */
const STOP_GRACE_MS = 2_000;

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
    const server = new Server({ 'grpc.max_receive_message_length': 8 * 1024 * 1024 });
    const definition = packageDefinition();
    for (const [name, implementation] of options.services) {
      const service = definition[`broker.v1.${name}`];
      if (!service || !isServiceDefinition(service)) throw new TypeError(`broker.v1.${name} is not in the proto files`);
      server.addService(service, implementation);
    }
    const health = new HealthImplementation({ '': 'SERVING' });
    health.addToServer(server);
    new ReflectionService(definition).addToServer(server);
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

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners) listener.close();
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
    if (Buffer.byteLength(bind.path) > MAX_SOCKET_PATH) {
      throw new BrokerError('invalid_argument', `socket path is longer than ${MAX_SOCKET_PATH} bytes: ${bind.path}`);
    }
    removeStaleSocket(bind.path);
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    const listener = createServer((socket) => {
      const identity = peers.unix(descriptorOf(socket));
      this.#accept(socket, { transport: 'unix', peer: Promise.resolve(identity), remoteAddress: 'local' });
      injector.injectConnection(socket);
    });
    // The umask decides the mode the socket is born with: no moment at which others could connect.
    const before = process.umask(0o177);
    try {
      await listening(listener, { path: bind.path });
    } finally {
      process.umask(before);
    }
    if (bind.gid !== undefined) chownSync(bind.path, -1, bind.gid);
    if (bind.mode !== 0o600) chmodSync(bind.path, bind.mode);
    this.#listeners.push(listener);
  }

  async #listenTcp(bind: TcpBind, peers: PeerLookup): Promise<void> {
    if (!isLoopback(bind.host) && !bind.tls) {
      throw new BrokerError(
        'invalid_argument',
        `--grpc ${bind.host} is not loopback and would carry tokens in the clear`,
        {
          hint: 'give --tls-cert and --tls-key, or bind 127.0.0.1',
        },
      );
    }
    const injector = this.#server.createConnectionInjector(await credentials(bind));
    const listener = createServer((socket) => {
      const { localAddress, localPort, remoteAddress, remotePort } = socket;
      if (!localAddress || !localPort || !remoteAddress || !remotePort) return void socket.destroy();
      const peer = isLoopback(remoteAddress)
        ? peers.tcp({ address: localAddress, port: localPort }, { address: remoteAddress, port: remotePort })
        : Promise.resolve(undefined);
      peer.catch(() => undefined);
      this.#accept(socket, { transport: 'tcp', peer, remoteAddress });
      injector.injectConnection(socket);
    });
    await listening(listener, { host: bind.host, port: bind.port });
    const address = listener.address();
    this.#port = typeof address === 'object' ? address?.port : undefined;
    this.#listeners.push(listener);
  }

  #accept(socket: Socket, facts: ConnectionFacts): void {
    tagConnection(socket, facts);
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
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

async function readPem(flag: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new BrokerError('invalid_argument', `${flag}: cannot read ${path}`, { cause });
  }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(host);
}

function listening(server: NetServer, where: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const name = 'path' in where ? where.path : `${where.host}:${where.port}`;
      const code = cause.code === 'EADDRINUSE' ? 'conflict' : 'invalid_argument';
      reject(new BrokerError(code, `cannot listen on ${name} (${cause.code ?? 'unknown error'})`, { cause }));
    });
    server.listen(where, () => resolve());
  });
}

/** The holder of the home's lock may remove the socket that a killed daemon left behind; anything else stays. */
function removeStaleSocket(path: string): void {
  if (!existsSync(path)) return;
  if (!lstatSync(path).isSocket()) throw new BrokerError('conflict', `${path} exists and is not a socket`);
  unlinkSync(path);
}

function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  return typeof fd === 'number' ? fd : -1;
}

function isServiceDefinition(value: unknown): value is Parameters<Server['addService']>[0] {
  return typeof value === 'object' && value !== null && !('format' in value);
}
