import { Readable } from 'node:stream';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import type { HttpConfig } from '../config.ts';
import type { Sending } from '../connections.ts';
import { Flow, type Receiver } from '../flow.ts';
import {
  bytesOf,
  crossed,
  crossing,
  type FromThread,
  joinFields,
  lineConfig,
  pieceOf,
  splitFields,
  type ToThread,
  WINDOW,
} from './messages.ts';
import { Outbox, type Post } from './outbox.ts';

/** Bytes that are taken before the thread is told of them. */
const TELL = WINDOW / 4;

/** The way to one thread, and what is under way there. */
export class Lane {
  readonly #outbox: Outbox<ToThread>;
  readonly #requests = new Map<number, Request>();
  #services = 0;
  #count = 0;

  constructor(post: Post<ToThread>) {
    this.#outbox = new Outbox(post);
  }

  /** Requests under way. */
  get load(): number {
    return this.#requests.size;
  }

  /** @returns the service's number. */
  open(config: HttpConfig): number {
    const service = ++this.#services;
    this.#outbox.hand((handed) => ['open', service, lineConfig(config, handed)]);
    return service;
  }

  /** Breaks off its requests, and forgets it. */
  close(service: number, reason: BrokerError): void {
    this.#outbox.say(['close', service, crossing(reason)]);
  }

  send(service: number, { method, path, headers, body }: Sending, receiver: Receiver): void {
    const id = ++this.#count;
    const fields = joinFields(headers);
    if (body instanceof Readable) this.#outbox.say(['send', id, service, method, path, fields, undefined]);
    else this.#outbox.hand((handed) => ['send', id, service, method, path, fields, body && pieceOf(body, handed)]);
    const request = new Request(id, receiver, this.#outbox, body instanceof Readable ? body : undefined, () =>
      this.#requests.delete(id),
    );
    this.#requests.set(id, request);
    request.start();
  }

  /** What the thread has said. */
  heard(said: readonly FromThread[]): void {
    for (const what of said) this.#requests.get(what[1])?.heard(what);
  }

  /** The thread is no more. */
  broken(error: BrokerError): void {
    for (const request of [...this.#requests.values()]) request.fail(error);
  }
}

/** One request in the other thread. */
class Request {
  readonly #id: number;
  readonly #flow: Flow;
  readonly #outbox: Outbox<ToThread>;
  readonly #body: Readable | undefined;
  readonly #forget: () => boolean;
  /** Bytes of the answer that the receiver has, and the thread does not know of. */
  #taken = 0;
  #held = false;
  /** Bytes of the body that the thread has not taken yet. */
  #ahead = 0;

  constructor(
    id: number,
    receiver: Receiver,
    outbox: Outbox<ToThread>,
    body: Readable | undefined,
    forget: () => boolean,
  ) {
    this.#id = id;
    this.#flow = new Flow(receiver);
    this.#outbox = outbox;
    this.#body = body;
    this.#forget = forget;
  }

  start(): void {
    this.#body?.on('data', this.#data);
    this.#body?.once('end', this.#end);
    this.#body?.once('error', this.#broken);
    this.#flow.onConnect((reason) => this.#abort(reason));
  }

  heard(what: FromThread): void {
    try {
      this.#heard(what);
    } catch (error) {
      this.#abort(toBrokerError(error));
    }
  }

  #heard(what: FromThread): void {
    switch (what[0]) {
      case 'head':
        this.#held = !this.#flow.onHeaders(what[2], splitFields(what[3]), () => this.#wanted(), what[4]);
        return;
      case 'piece': {
        const bytes = bytesOf(what[2]);
        this.#taken += bytes.length;
        if (!this.#flow.onData(bytes)) this.#held = true;
        else if (this.#taken >= TELL) this.#tell();
        return;
      }
      case 'end':
        this.#over();
        this.#flow.onComplete(splitFields(what[2]));
        return;
      case 'taken':
        this.#ahead -= what[2];
        if (this.#ahead < WINDOW) this.#body?.resume();
        return;
      case 'unwanted':
        this.#leave();
        this.#body?.destroy();
        return;
      case 'error':
        this.fail(crossed(what[2]));
        return;
    }
  }

  fail(error: BrokerError): void {
    this.#over();
    this.#flow.onError(error);
  }

  #abort(reason: BrokerError): void {
    if (!this.#forget()) return;
    this.#outbox.say(['abort', this.#id, crossing(reason)]);
    this.fail(reason);
  }

  #wanted(): void {
    this.#held = false;
    this.#tell();
  }

  #tell(): void {
    if (this.#held || this.#taken === 0) return;
    this.#outbox.say(['taken', this.#id, this.#taken]);
    this.#taken = 0;
  }

  #over(): void {
    this.#forget();
    this.#leave();
    this.#body?.destroy();
  }

  #leave(): void {
    this.#body?.off('data', this.#data);
    this.#body?.off('end', this.#end);
  }

  readonly #data = (chunk: Buffer): void => {
    this.#ahead += chunk.length;
    this.#outbox.hand((handed) => ['piece', this.#id, pieceOf(chunk, handed)]);
    if (this.#ahead >= WINDOW) this.#body?.pause();
  };

  readonly #end = (): void => this.#outbox.say(['end', this.#id]);

  /** As it is here: what crosses is no longer of its class. */
  readonly #broken = (error: Error): void => {
    this.#abort(
      error instanceof BrokerError ? error : new BrokerError('internal', 'the body broke off', { cause: error }),
    );
  };
}
