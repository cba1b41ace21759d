import { Readable } from 'node:stream';
import type { AddressGuard } from '../../core/dial.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import { Connections } from '../connections.ts';
import { Dialer } from '../dialer.ts';
import type { Receiver } from '../flow.ts';
import {
  bytesOf,
  crossed,
  crossing,
  type FromThread,
  joinFields,
  type LineConfig,
  type Piece,
  pieceOf,
  received,
  splitFields,
  type ToThread,
  WINDOW,
} from './messages.ts';
import { Outbox, type Post } from './outbox.ts';

/** The thread's side: connections to services, and the requests on them. */
export class Serving {
  readonly #guard: AddressGuard;
  readonly #outbox: Outbox<FromThread>;
  readonly #services = new Map<number, Service>();
  readonly #requests = new Map<number, Request>();

  constructor(guard: AddressGuard, post: Post<FromThread>) {
    this.#guard = guard;
    this.#outbox = new Outbox(post);
  }

  heard(said: readonly ToThread[]): void {
    for (const what of said) this.#heard(what);
  }

  #heard(what: ToThread): void {
    switch (what[0]) {
      case 'open':
        this.#services.set(what[1], new Service(what[2], this.#guard));
        return;
      case 'close':
        this.#services.get(what[1])?.close(crossed(what[2]));
        this.#services.delete(what[1]);
        return;
      case 'send':
        this.#send(what);
        return;
      case 'piece':
        this.#requests.get(what[1])?.piece(what[2]);
        return;
      case 'end':
        this.#requests.get(what[1])?.end();
        return;
      case 'taken':
        this.#requests.get(what[1])?.taken(what[2]);
        return;
      case 'abort':
        this.#requests.get(what[1])?.abort(crossed(what[2]));
        return;
    }
  }

  #send([, id, service, method, path, fields, body]: Extract<ToThread, readonly ['send', ...unknown[]]>): void {
    const request = new Request(id, this.#outbox, body === undefined, () => this.#requests.delete(id));
    this.#requests.set(id, request);
    try {
      const known = this.#services.get(service);
      if (!known) throw new BrokerError('internal', 'the service is not known to the thread');
      const sent = body === undefined ? request.body : body === null ? null : bytesOf(body);
      known.connections.send({ method, path, headers: splitFields(fields), body: sent ?? null }, request);
    } catch (error) {
      request.onError(toBrokerError(error));
    }
  }
}

class Service {
  readonly #dialer: Dialer;
  readonly connections: Connections;

  constructor(config: LineConfig, guard: AddressGuard) {
    using password = received(config.http_proxy_password);
    using key = received(config.key);
    this.#dialer = new Dialer({ ...config, key, http_proxy_password: password }, guard);
    this.connections = new Connections(this.#dialer, config);
  }

  close(reason: BrokerError): void {
    this.connections.close(reason);
    this.#dialer[Symbol.dispose]();
  }
}

/** One request, as the other thread's receiver. */
class Request implements Receiver {
  readonly #id: number;
  readonly #outbox: Outbox<FromThread>;
  readonly #forget: () => void;
  readonly body: Readable | undefined;
  #abort: ((reason: BrokerError) => void) | undefined;
  #aborted: BrokerError | undefined;
  #resume: () => void = () => undefined;
  /** Bytes that the other thread has not taken yet. */
  #ahead = 0;
  #stopped = false;
  /** Bytes of the body that came, and that the other thread does not know to be taken. */
  #came = 0;

  constructor(id: number, outbox: Outbox<FromThread>, hasBody: boolean, forget: () => void) {
    this.#id = id;
    this.#outbox = outbox;
    this.#forget = forget;
    if (!hasBody) return;
    this.body = new Readable({
      read: () => {
        if (this.#came === 0) return;
        outbox.say(['taken', id, this.#came]);
        this.#came = 0;
      },
      destroy: (error, done) => {
        if (!this.body?.readableEnded) outbox.say(['unwanted', id]);
        done(error);
      },
    });
  }

  onConnect(abort: (reason: BrokerError) => void): void {
    this.#abort = abort;
    if (this.#aborted) abort(this.#aborted);
  }

  onHeaders(status: number, headers: readonly string[], resume: () => void, statusText: string): boolean {
    this.#resume = resume;
    this.#outbox.say(['head', this.#id, status, joinFields(headers), statusText]);
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.#ahead += chunk.length;
    this.#outbox.hand((handed) => ['piece', this.#id, pieceOf(chunk, handed)]);
    this.#stopped = this.#ahead >= WINDOW;
    return !this.#stopped;
  }

  onComplete(trailers: readonly string[]): void {
    this.#forget();
    this.#outbox.say(['end', this.#id, joinFields(trailers)]);
  }

  onError(error: BrokerError): void {
    this.#forget();
    this.#outbox.say(['error', this.#id, crossing(error)]);
  }

  taken(bytes: number): void {
    this.#ahead -= bytes;
    if (!this.#stopped || this.#ahead > WINDOW / 2) return;
    this.#stopped = false;
    this.#resume();
  }

  abort(reason: BrokerError): void {
    this.#aborted = reason;
    this.#abort?.(reason);
  }

  piece(piece: Piece): void {
    const bytes = bytesOf(piece);
    this.#came += bytes.length;
    this.body?.push(bytes);
  }

  end(): void {
    this.body?.push(null);
  }
}
