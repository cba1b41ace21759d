import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerUnaryCall,
} from '@grpc/grpc-js';
import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { BrokerError, GRPC_STATUS, toBrokerError } from '../../core/errors.ts';
import { ERROR_TRAILER, encodeError } from '../../core/rpc.ts';
import { ACCESS, type Access } from '../access.ts';
import type { Caller } from '../caller.ts';
import { errorFields, type Log } from '../log.ts';

/** What every handler gets besides its request. */
export interface CallContext {
  readonly caller: Caller;
  /** Aborts when the client cancels or its deadline passes. */
  readonly signal: AbortSignal;
}

/** Turns a call's metadata and connection into a Caller, and checks it against what the method demands. */
export type Authenticate = (call: AnyCall, access: Access, method: string) => Promise<Caller>;

export type AnyCall = Pick<ServerUnaryCall<unknown, unknown>, 'metadata' | 'getPath' | 'cancelled' | 'getDeadline'> & {
  on(event: 'cancelled', listener: () => void): unknown;
};

/**
 * The one way a handler gets onto the wire: authenticates, checks the access table, turns cancellation into an
 * AbortSignal and any throw into a status. Raw grpc-js would send `err.message` verbatim, and an async throw would hang
 * the client until its deadline.
 */
export class Adapter {
  readonly #authenticate: Authenticate;
  readonly #log: Log;

  constructor(authenticate: Authenticate, log: Log) {
    this.#authenticate = authenticate;
    this.#log = log;
  }

  unary<Req, Res>(handler: (request: Req, context: CallContext) => Promise<Res>): handleUnaryCall<Req, Res> {
    return (call, callback) => {
      this.#context(call)
        .then((context) => handler(call.request, context))
        .then(
          (response) => callback(null, response),
          (error: unknown) => callback(this.#status(call, error)),
        );
    };
  }

  serverStream<Req, Res>(
    handler: (request: Req, context: CallContext) => AsyncIterable<Res>,
  ): handleServerStreamingCall<Req, Res> {
    return (call) => {
      const run = async (): Promise<void> => {
        const context = await this.#context(call);
        for await (const response of handler(call.request, context)) {
          if (!call.write(response)) await drained(call, context.signal);
          if (context.signal.aborted) return;
        }
        call.end();
      };
      run().catch((error: unknown) => call.emit('error', this.#status(call, error)));
    };
  }

  clientStream<Req, Res>(
    handler: (requests: AsyncIterable<Req>, context: CallContext) => Promise<Res>,
  ): handleClientStreamingCall<Req, Res> {
    return (call, callback) => {
      this.#context(call)
        .then((context) => handler(call as AsyncIterable<Req>, context))
        .then(
          (response) => callback(null, response),
          (error: unknown) => callback(this.#status(call, error)),
        );
    };
  }

  duplex<Req, Res>(
    handler: (
      requests: AsyncIterable<Req>,
      send: (response: Res) => Promise<void>,
      context: CallContext,
    ) => Promise<void>,
  ): handleBidiStreamingCall<Req, Res> {
    return (call) => {
      const run = async (): Promise<void> => {
        const context = await this.#context(call);
        const send = async (response: Res): Promise<void> => {
          if (!call.write(response)) await drained(call, context.signal);
        };
        await handler(call as AsyncIterable<Req>, send, context);
        call.end();
      };
      run().catch((error: unknown) => call.emit('error', this.#status(call, error)));
    };
  }

  async #context(call: AnyCall): Promise<CallContext> {
    const method = call.getPath();
    const access = ACCESS[method];
    if (!access) throw new BrokerError('denied', `${method} is not open to anyone`);
    const cancelled = new AbortController();
    call.on('cancelled', () => cancelled.abort(new BrokerError('cancelled', 'the call was cancelled')));
    if (call.cancelled) cancelled.abort(new BrokerError('cancelled', 'the call was cancelled'));
    const caller = await this.#authenticate(call, access, method);
    return { caller, signal: cancelled.signal };
  }

  #status(call: AnyCall, thrown: unknown): Partial<StatusObject> & { name: string; message: string } {
    const error = toBrokerError(thrown);
    if (error.code === 'internal') this.#log.error('internal error', { method: call.getPath(), ...errorFields(error) });
    else this.#log.debug('call failed', { method: call.getPath(), code: error.code, ...errorFields(error) });
    const metadata = new Metadata();
    metadata.set(ERROR_TRAILER, encodeError(error));
    const details = error.hint ? `${error.message}; ${error.hint}` : error.message;
    return { name: 'BrokerError', message: details, code: GRPC_STATUS[error.code], details, metadata };
  }
}

/** Resolves when the stream takes more, or when the call is over. */
function drained(call: { once(event: string, listener: () => void): unknown }, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    call.once('drain', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
