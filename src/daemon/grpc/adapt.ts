import { setMaxListeners } from 'node:events';
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerUnaryCall,
} from '@grpc/grpc-js';
import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { BrokerError, GRPC_STATUS, throwIfAborted, toBrokerError } from '../../core/errors.ts';
import { ERROR_TRAILER, encodeError } from '../../core/rpc.ts';
import { ACCESS, type Access } from '../access.ts';
import type { Caller } from '../caller.ts';
import { errorFields, type Log } from '../log.ts';
import { endUnread, type Sending } from './unread.ts';

/** What every handler gets besides its request. */
export interface CallContext {
  readonly caller: Caller;
  /**
   * Aborts when the client cancels or its deadline passes, and also when the call is over and its answer is out: grpc-js says
   * `cancelled` at the end of every call.
   */
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
  readonly #stop: AbortSignal;
  readonly #done: (method: string, code: string) => void;

  /**
   * @param stop aborts when the daemon stops, with the BrokerError that calls in progress then end with.
   * @param done told how each call of a known method ended: `ok`, or the error's code.
   */
  constructor(
    authenticate: Authenticate,
    log: Log,
    stop: AbortSignal,
    done: (method: string, code: string) => void = () => undefined,
  ) {
    this.#authenticate = authenticate;
    this.#log = log;
    this.#stop = stop;
    this.#done = done;
    // Every call in progress listens to it.
    setMaxListeners(0, stop);
  }

  unary<Req, Res>(handler: (request: Req, context: CallContext) => Promise<Res>): handleUnaryCall<Req, Res> {
    return (call, callback) => {
      this.#during(call, (context) => handler(call.request, context)).then(
        (response) => callback(null, response),
        (error: unknown) => callback(this.#status(call, error)),
      );
    };
  }

  serverStream<Req, Res>(
    handler: (request: Req, context: CallContext) => AsyncIterable<Res>,
  ): handleServerStreamingCall<Req, Res> {
    return (call) => {
      const run = async (context: CallContext): Promise<void> => {
        for await (const response of handler(call.request, context)) {
          if (!call.write(response)) await drained(call, context.signal);
          throwIfAborted(context.signal);
        }
        // Handlers that follow something end when they are told to; the caller must not take that for the end of it.
        throwIfAborted(context.signal);
      };
      this.#during(call, run).then(
        () => call.end(),
        (error: unknown) => this.#fail(call, error),
      );
    };
  }

  clientStream<Req, Res>(
    handler: (requests: AsyncIterable<Req>, context: CallContext) => Promise<Res>,
  ): handleClientStreamingCall<Req, Res> {
    return (call, callback) => {
      this.#during(call, (context) => handler(call as AsyncIterable<Req>, context)).then(
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
      const run = async (context: CallContext): Promise<void> => {
        const send = async (response: Res): Promise<void> => {
          if (!call.write(response)) await drained(call, context.signal);
        };
        // The plain iterator destroys the whole call when the client has said its last word, our answers with it.
        await handler(call.iterator({ destroyOnReturn: false }) as AsyncIterable<Req>, send, context);
      };
      this.#during(call, run).then(
        () => call.end(),
        (error: unknown) => this.#fail(call, error),
      );
    };
  }

  /** Runs `work` for an authenticated caller, with a signal that aborts when the call is cancelled or the daemon stops. */
  async #during<T>(call: AnyCall, work: (context: CallContext) => Promise<T>): Promise<T> {
    const method = call.getPath();
    const access = ACCESS[method];
    if (!access) throw new BrokerError('denied', `${method} is not open to anyone`);
    const over = new AbortController();
    const cancel = (): void => over.abort(new BrokerError('cancelled', 'the call was cancelled'));
    const stop = (): void => over.abort(this.#stop.reason);
    call.on('cancelled', cancel);
    if (call.cancelled) cancel();
    this.#stop.addEventListener('abort', stop);
    try {
      throwIfAborted(this.#stop);
      const caller = await this.#authenticate(call, access, method);
      const result = await work({ caller, signal: over.signal });
      this.#done(method, 'ok');
      return result;
    } catch (thrown) {
      this.#done(method, toBrokerError(thrown).code);
      throw thrown;
    } finally {
      this.#stop.removeEventListener('abort', stop);
    }
  }

  #fail(call: AnyCall & Sending & { emit(event: 'error', error: object): unknown }, thrown: unknown): void {
    call.emit('error', this.#status(call, thrown));
    endUnread(call);
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
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const over = (): void => {
      signal.removeEventListener('abort', over);
      resolve();
    };
    call.once('drain', over);
    signal.addEventListener('abort', over, { once: true });
  });
}
