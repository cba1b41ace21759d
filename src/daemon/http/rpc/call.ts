import { EventEmitter, once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { BrokerError } from '../../../core/errors.ts';
import { decodeError, ERROR_TRAILER } from '../../../core/rpc.ts';

/** Milliseconds after which the head of a stream that is still silent is sent, so that the client knows it was heard. */
const HEAD_MS = 500;
/** One JSON value a line. */
const LINES = 'application/x-ndjson';

/** What a handler sends: `render` makes it JSON. */
export type Render = (message: object) => unknown;

/** As much of a grpc-js call as the Adapter and the handlers behind it use, over one HTTP exchange. */
export class HttpCall extends EventEmitter {
  readonly request: object;
  readonly metadata = new Metadata();
  readonly #path: string;
  cancelled = false;

  /** @param token presented by the caller, which the Adapter's own authentication takes from the metadata. */
  constructor(path: string, request: object, token: string | undefined, response: ServerResponse) {
    super();
    // Once the client is gone nobody waits for how it ended.
    this.on('error', () => undefined);
    this.#path = path;
    this.request = request;
    if (token !== undefined) this.metadata.set('authorization', `Bearer ${token}`);
    // At the end of every call, as grpc-js does it, whether it was answered or broken off.
    response.once('close', () => {
      this.cancelled = true;
      this.emit('cancelled');
    });
  }

  getPath(): string {
    return this.#path;
  }

  /** None: whoever has waited long enough closes the connection. */
  getDeadline(): number {
    return Number.POSITIVE_INFINITY;
  }
}

/** A call whose answers are lines of JSON. An error after the first line is the last line: `{"error": ...}`. */
export class HttpStreamCall extends HttpCall {
  readonly #response: ServerResponse;
  readonly #render: Render;
  readonly #head: NodeJS.Timeout;

  constructor(
    path: string,
    request: object,
    token: string | undefined,
    response: ServerResponse,
    begin: (response: ServerResponse, type: string) => void,
    render: Render,
  ) {
    super(path, request, token, response);
    this.#response = response;
    this.#render = render;
    this.#begin = () => {
      clearTimeout(this.#head);
      if (!response.headersSent) begin(response, LINES);
    };
    this.#head = setTimeout(() => {
      this.#begin();
      response.flushHeaders();
    }, HEAD_MS);
    response.once('close', () => clearTimeout(this.#head));
    response.on('drain', () => this.emit('drain'));
  }

  readonly #begin: () => void;

  write(message: object): boolean {
    this.#begin();
    return this.#response.write(`${JSON.stringify(this.#render(message))}\n`);
  }

  end(): void {
    this.#begin();
    this.#response.end();
  }

  /** @throws the error while nothing is sent yet; else it was sent as the last line. */
  fail(error: BrokerError, json: object): void {
    clearTimeout(this.#head);
    if (!this.#response.headersSent) throw error;
    this.#response.end(`${JSON.stringify(json)}\n`);
  }

  /** Resolves when the handler ended the stream or failed. @throws whatever it failed with, as `errorOf`. */
  async over(): Promise<void> {
    const [status] = (await Promise.race([
      once(this.#response, 'close').then(() => [undefined]),
      once(this.#response, 'finish').then(() => [undefined]),
      new Promise<[Partial<StatusObject>]>((resolve) =>
        this.once('error', (failed: Partial<StatusObject>) => resolve([failed])),
      ),
    ])) as [Partial<StatusObject> | undefined];
    if (status) throw errorOf(status);
  }
}

/** The BrokerError that the Adapter made a status of. */
export function errorOf(status: Partial<StatusObject>): BrokerError {
  const [trailer] = status.metadata?.get(ERROR_TRAILER) ?? [];
  const error = Buffer.isBuffer(trailer) ? decodeError(trailer) : undefined;
  return error ?? new BrokerError('internal', 'internal error; the daemon log has the details');
}
