import { readFileSync } from 'node:fs';
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { BrokerError, throwIfAborted } from '../core/errors.ts';
import type { AuditDefinition } from '../core/proto/broker/v1/Audit.ts';
import type { DaemonDefinition } from '../core/proto/broker/v1/Daemon.ts';
import type { FilesDefinition } from '../core/proto/broker/v1/Files.ts';
import type { HttpDefinition } from '../core/proto/broker/v1/Http.ts';
import type { KindsDefinition } from '../core/proto/broker/v1/Kinds.ts';
import type { OAuthDefinition } from '../core/proto/broker/v1/OAuth.ts';
import type { PresetsDefinition } from '../core/proto/broker/v1/Presets.ts';
import type { ServicesDefinition } from '../core/proto/broker/v1/Services.ts';
import type { SessionsDefinition } from '../core/proto/broker/v1/Sessions.ts';
import type { SshDefinition } from '../core/proto/broker/v1/Ssh.ts';
import type { TokensDefinition } from '../core/proto/broker/v1/Tokens.ts';
import type { VaultDefinition } from '../core/proto/broker/v1/Vault.ts';
import { decodeError, ERROR_TRAILER, FLOW_WINDOW_BYTES } from '../core/rpc.ts';
import type { Secret } from '../core/secret.ts';
import { type ClientMethod, clientMethods } from './definition.ts';
import { unreadable } from './reason.ts';

export interface ConnectOptions {
  /** `unix:/path/broker.sock`, `127.0.0.1:8392`, or `https://host:port` for a daemon with TLS. */
  readonly address: string;
  /** Bearer token; text is accepted since that is how environments carry it. */
  readonly token?: Secret | string;
  /** For https: PEM files of the daemon's CA and, where it demands one, of the client's certificate. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /**
   * For a client that mostly receives (a download): take FLOW_WINDOW_BYTES before the daemon has to wait. Never for one that
   * sends as much at the same time: Node reads nothing from a connection while a write to it is stuck, so two sides that
   * both have more under way than the kernel buffers wait for each other for ever.
   */
  readonly receiveMuch?: boolean;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds until the call fails with `upstream_timeout`; none by default. */
  readonly timeoutMs?: number;
}

/** Which methods stream, per service; the rest are unary. A test holds this against the proto descriptor. */
export interface Streaming {
  Vault: { Backup: 'server'; Restore: 'client' };
  Kinds: object;
  Presets: object;
  Services: object;
  Sessions: { Watch: 'server'; Connect: 'duplex' };
  Http: { Request: 'duplex' };
  Ssh: { Exec: 'duplex'; Upload: 'client'; Download: 'server' };
  Tokens: { Hold: 'server' };
  Files: { Put: 'client'; Get: 'server' };
  OAuth: object;
  Audit: { Query: 'server' };
  Daemon: object;
}

// The type parameters of a method definition: request, response, and what each looks like when received.
type Request<M> = M extends MethodDefinition<infer Req, infer _Res, infer _ReqOut, infer _ResOut> ? Req : never;
type Response<M> = M extends MethodDefinition<infer _Req, infer _Res, infer _ReqOut, infer ResOut> ? ResOut : never;
type Method<M, S> = S extends 'server'
  ? (request: Request<M>, options?: CallOptions) => AsyncIterable<Response<M>>
  : S extends 'client'
    ? (requests: AsyncIterable<Request<M>> | Iterable<Request<M>>, options?: CallOptions) => Promise<Response<M>>
    : S extends 'duplex'
      ? (options?: CallOptions) => ClientDuplexStream<Request<M>, Response<M>>
      : (request: Request<M>, options?: CallOptions) => Promise<Response<M>>;
type ServiceClient<D, S> = {
  // The definitions extend a type with an index signature, which must not become a method.
  readonly [K in keyof D as string extends K ? never : number extends K ? never : Uncapitalize<K & string>]: Method<
    D[K],
    K extends keyof S ? S[K] : 'unary'
  >;
};

/** The control API, typed. Every rejection is a BrokerError with its `code`. */
export interface BrokerClient extends Disposable {
  readonly vault: ServiceClient<VaultDefinition, Streaming['Vault']>;
  readonly kinds: ServiceClient<KindsDefinition, Streaming['Kinds']>;
  readonly presets: ServiceClient<PresetsDefinition, Streaming['Presets']>;
  readonly services: ServiceClient<ServicesDefinition, Streaming['Services']>;
  readonly sessions: ServiceClient<SessionsDefinition, Streaming['Sessions']>;
  readonly http: ServiceClient<HttpDefinition, Streaming['Http']>;
  readonly ssh: ServiceClient<SshDefinition, Streaming['Ssh']>;
  readonly tokens: ServiceClient<TokensDefinition, Streaming['Tokens']>;
  readonly files: ServiceClient<FilesDefinition, Streaming['Files']>;
  readonly oAuth: ServiceClient<OAuthDefinition, Streaming['OAuth']>;
  readonly audit: ServiceClient<AuditDefinition, Streaming['Audit']>;
  readonly daemon: ServiceClient<DaemonDefinition, Streaming['Daemon']>;
  /** Closes the connection. Sessions that were opened live on. */
  close(): void;
}

const SERVICES = [
  'Vault',
  'Kinds',
  'Presets',
  'Services',
  'Sessions',
  'Http',
  'Ssh',
  'Tokens',
  'Files',
  'OAuth',
  'Audit',
  'Daemon',
] as const;

/**
 * Connects to a broker daemon. Nothing is sent before the first call.
 * @throws BrokerError `invalid_argument` for an address or file that cannot be used.
 */
export function connect(options: ConnectOptions): BrokerClient {
  const { target, channel } = resolve(options);
  const token = options.token;
  const bearer =
    token === undefined ? undefined : typeof token === 'string' ? token : token.use((bytes) => bytes.toString('utf8'));
  const metadata = (): Metadata => {
    const made = new Metadata();
    if (bearer !== undefined) made.set('authorization', `Bearer ${bearer}`);
    return made;
  };
  const client = new Client(target, channel, {
    'grpc.max_receive_message_length': 8 * 1024 * 1024,
    ...(options.receiveMuch && { 'grpc-node.flow_control_window': FLOW_WINDOW_BYTES }),
    // A connection that failed must not make the next client wait out its back-off.
    'grpc.use_local_subchannel_pool': 1,
  });
  const made: Record<string, unknown> = { close: () => client.close(), [Symbol.dispose]: () => client.close() };
  for (const name of SERVICES) {
    const methods = clientMethods(name).map(([method, definition]) => [
      uncapitalize(method),
      bind(client, definition, metadata, options.address),
    ]);
    made[uncapitalize(name)] = Object.fromEntries(methods);
  }
  return made as unknown as BrokerClient;
}

type CallOf = { cancel(): void };

function bind(client: Client, method: ClientMethod, metadata: () => Metadata, address: string): unknown {
  const { path, requestSerialize, responseDeserialize } = method;
  const settings = (options: CallOptions | undefined) =>
    options?.timeoutMs === undefined ? {} : { deadline: Date.now() + options.timeoutMs };
  const unary = (request: object, options?: CallOptions): Promise<object> =>
    answered(address, options?.signal, (done) =>
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata(),
        settings(options),
        done,
      ),
    );
  const server = (request: object, options?: CallOptions): AsyncIterable<object> =>
    messages(address, options?.signal, () =>
      client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata(),
        settings(options),
      ),
    );
  const clientStream = (requests: AsyncIterable<object> | Iterable<object>, options?: CallOptions): Promise<object> =>
    answered(address, options?.signal, (done) => {
      const call = client.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        metadata(),
        settings(options),
        done,
      );
      // A failed send shows in the call's own status, which `done` gets.
      send(call, requests).catch(() => call.cancel());
      return call;
    });
  const duplex = (options?: CallOptions): ClientDuplexStream<object, object> =>
    client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata(), settings(options));
  if (method.requestStream) return method.responseStream ? duplex : clientStream;
  return method.responseStream ? server : unary;
}

function answered(
  address: string,
  signal: AbortSignal | undefined,
  start: (done: (error: ServiceError | null, response?: object) => void) => CallOf,
): Promise<object> {
  return new Promise((resolve, reject) => {
    if (signal) throwIfAborted(signal);
    const call = start((error, response) => {
      signal?.removeEventListener('abort', cancel);
      if (error) reject(fromServiceError(error, address));
      else resolve(response ?? {});
    });
    const cancel = (): void => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

async function* messages(
  address: string,
  signal: AbortSignal | undefined,
  start: () => ClientReadableStream<object>,
): AsyncGenerator<object> {
  if (signal) throwIfAborted(signal);
  const call = start();
  const cancel = (): void => call.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    for await (const message of call) yield message;
  } catch (error) {
    throw fromServiceError(error, address);
  } finally {
    signal?.removeEventListener('abort', cancel);
    // Leaving the loop early does not end the call by itself: the server would go on sending.
    call.on('error', () => undefined);
    call.cancel();
  }
}

async function send(
  call: ClientWritableStream<object>,
  requests: AsyncIterable<object> | Iterable<object>,
): Promise<void> {
  for await (const request of requests) {
    if (!call.write(request)) await new Promise<void>((resolve) => call.once('drain', resolve));
  }
  call.end();
}

/** What a failed call means: the daemon's own error where it sent one, else that it cannot be reached. */
export function fromServiceError(error: unknown, address: string): BrokerError {
  if (!isServiceError(error)) return new BrokerError('internal', 'the call failed', { cause: error });
  const [trailer] = error.metadata?.get(ERROR_TRAILER) ?? [];
  const told = Buffer.isBuffer(trailer) ? decodeError(trailer) : undefined;
  if (told) return told;
  switch (error.code) {
    case 1:
      return new BrokerError('cancelled', 'cancelled', { cause: error });
    case 4:
      return new BrokerError('upstream_timeout', 'the daemon did not answer in time', { cause: error });
    case 8:
      // The one that the library makes of a stream that was reset: ENHANCE_YOUR_CALM.
      if (error.details.startsWith('Bandwidth exhausted'))
        return new BrokerError('client_timeout', 'broker ended the call: its answers were not read', { cause: error });
      return new BrokerError('too_large', error.details, { cause: error });
    case 12:
      return new BrokerError('invalid_argument', 'the daemon is of another version and does not know this call', {
        cause: error,
      });
    case 14:
      return new BrokerError('unavailable', `broker is not running (nothing answers at ${address})`, {
        cause: error,
        hint: 'to start it: broker up',
      });
    default:
      return new BrokerError('internal', error.details || 'the call failed', { cause: error });
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}

function resolve(options: ConnectOptions): { target: string; channel: ChannelCredentials } {
  const { address } = options;
  if (address.startsWith('unix:') || address.startsWith('/')) {
    return { target: address.startsWith('/') ? `unix:${address}` : address, channel: credentials.createInsecure() };
  }
  if (address.startsWith('https://')) {
    const read = (path: string | undefined): Buffer | null => (path ? readPem(path) : null);
    const channel = credentials.createSsl(read(options.caFile), read(options.keyFile), read(options.certFile));
    return { target: address.slice('https://'.length).replace(/\/$/, ''), channel };
  }
  if (!/^(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9.-]+):\d+$/.test(address)) {
    throw new BrokerError('invalid_argument', `address "${address}" is not unix:PATH, HOST:PORT or https://HOST:PORT`);
  }
  return { target: address, channel: credentials.createInsecure() };
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function uncapitalize(name: string): string {
  return name.slice(0, 1).toLowerCase() + name.slice(1);
}
