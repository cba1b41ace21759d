import type { IncomingMessage, ServerResponse } from 'node:http';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import { Answer } from './answer.ts';
import type { Jar } from './cookies.ts';
import { replaced, withCookies } from './headers.ts';
import type { InjectIo, Injection, Outgoing } from './kind.ts';
import { badPath, splitQuery } from './path.ts';
import { RequestRefused } from './policy/refusal.ts';
import type { Allowed } from './policy/rules.ts';
import { type ExchangeIo, type HttpService, injectIo } from './service.ts';
import { type BodyLimit, bodyLength, tooLarge, Upload, wholeBody } from './upload.ts';

/** How an exchange went, for the audit log. */
export interface ExchangeReport {
  /** 0: the server never answered. */
  readonly status: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Why it ended before its time. */
  readonly error: BrokerError | undefined;
  /** A secret was in the answer, and did not get out. */
  readonly scrubbed: boolean;
}

export interface ExchangeTarget {
  /** What follows the service in the raw target, query included. */
  readonly tail: string;
  /** Where the client finds the service: `/proxy/NAME`, or empty on a port of its own. */
  readonly mount: string;
  /** Where the service's cookies are kept; undefined where they are not. */
  readonly jar: Jar | undefined;
  /** Lets the request pass, and counts it until it is released. @throws RequestRefused. */
  admit(): Allowed;
}

/** Bodies up to this size are kept for a second try, where the kind has one (OAuth2), and for kinds that sign them. */
const REPLAY_BYTES = 1024 * 1024;
const SIGNED_BYTES = 10 * 1024 * 1024;
const UNAUTHORIZED = 401;
/** For kinds that ask nobody: a signal of its own would cost a request as much as its headers do. */
const NEVER = new AbortController().signal;

/** One proxied request, from its head to the end of both bodies. */
export class Exchange {
  readonly #service: HttpService;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #io: ExchangeIo;
  readonly #mount: string;
  readonly #jar: Jar | undefined;
  /** Base path and tail, as they were asked for. */
  readonly #path: string;
  readonly #tail: string;
  #cancelled: BrokerError | undefined;
  #asking: AbortController | undefined;
  readonly #inject: (fresh: boolean) => InjectIo;
  readonly #allowed: Allowed;
  #buffered: Buffer | undefined;
  #upload: Upload | undefined;
  #answer: Answer | undefined;
  #abort: ((reason: BrokerError) => void) | undefined;
  #error: BrokerError | undefined;
  #settle: (error?: BrokerError) => void = () => undefined;
  #renewed = false;

  /**
   * @throws BrokerError `invalid_argument` for a path or method that is refused; RequestRefused.
   */
  constructor(
    service: HttpService,
    request: IncomingMessage,
    response: ServerResponse,
    target: ExchangeTarget,
    io: ExchangeIo,
  ) {
    this.#service = service;
    this.#request = request;
    this.#response = response;
    this.#io = io;
    this.#inject = injectIo(io);
    this.#mount = target.mount;
    this.#jar = target.jar;
    this.#tail = target.tail;
    this.#path = joined(service, target.tail);
    if (request.method === 'TRACE')
      throw new BrokerError('invalid_argument', 'TRACE does not pass: it echoes what is sent');
    this.#allowed = target.admit();
  }

  /**
   * Resolves once the response is over, however it ended; rejects where nothing of it was sent yet, for whoever answers in
   * broker's own name.
   */
  run(): Promise<ExchangeReport> {
    return new Promise((resolve, reject) => {
      this.#settle = (error) => {
        this.#allowed.release();
        if (error) reject(error);
        else resolve(this.report());
      };
      const response = this.#response;
      // Of a write that comes too late, which would end the process: `close` tells how the exchange ended.
      response.on('error', () => response.destroy());
      response.on('close', () => {
        this.#answer?.over();
        if (!response.writableFinished) this.cancel(new BrokerError('client_gone', 'the client went away'));
        this.#settle();
      });
      try {
        this.#begin()?.catch((error: unknown) => this.#settle(toBrokerError(error)));
      } catch (error) {
        this.#settle(toBrokerError(error));
      }
    });
  }

  /** No promise where there is nothing to wait for. */
  #begin(): Promise<void> | undefined {
    const length = bodyLength(this.#request);
    if (this.#request.headers.expect !== undefined) this.#response.writeContinue();
    if (this.#service.kind.refreshable && length !== undefined && length > 0 && length <= REPLAY_BYTES)
      return this.#sendBuffered();
    return this.#send();
  }

  async #sendBuffered(): Promise<void> {
    this.#buffered = await wholeBody(this.#request, this.#bodyLimit(0));
    await this.#send();
  }

  /** Breaks it off: with an answer if none has begun, else by breaking the connection. */
  cancel(reason: BrokerError): void {
    if (this.#cancelled) return;
    this.#error ??= reason;
    this.#cancelled = reason;
    this.#asking?.abort(reason);
    this.#abort?.(reason);
    this.#upload?.destroy();
    if (this.#response.headersSent) this.#response.destroy();
    else this.#settle(reason);
  }

  report(): ExchangeReport {
    return {
      status: this.#answer?.status ?? 0,
      bytesUp: this.#buffered?.length ?? this.#upload?.bytes ?? 0,
      bytesDown: this.#answer?.bytes ?? 0,
      error: this.#error ?? this.#answer?.error,
      scrubbed: this.#answer?.scrubbed ?? false,
    };
  }

  /** No promise where the kind needs none. */
  #send(): Promise<void> | undefined {
    const { kind, config, upstream, headers } = this.#service;
    const allowed = headers.request(this.#request.rawHeaders);
    const outgoing: Outgoing = {
      method: this.#request.method ?? 'GET',
      origin: upstream.base.origin,
      path: this.#path,
      headers: allowed,
      body: async () => {
        this.#buffered ??= await wholeBody(this.#request, this.#bodyLimit(SIGNED_BYTES));
        return this.#buffered;
      },
    };
    const injection = kind.inject(config, this.#inject(false), outgoing, kind.refreshable ? this.#signal() : NEVER);
    if (injection instanceof Promise) return injection.then((made) => this.#dispatch(outgoing, made));
    this.#dispatch(outgoing, injection);
    return undefined;
  }

  #dispatch(outgoing: Outgoing, injection: Injection): void {
    if (this.#cancelled) return;
    const { method, path: asked, headers } = outgoing;
    const { upstream } = this.#service;
    const path = injection.path ?? asked;
    const answer = new Answer({
      service: this.#service,
      response: this.#response,
      needles: this.#service.needles(injection.needles),
      clock: this.#io.clock,
      path,
      basePath: path.slice(0, Math.max(0, pathLength(path) - pathLength(this.#tail))),
      mount: this.#mount,
      ...(this.#jar && { setCookie: (values: readonly string[]) => this.#jar?.keep(values, asked) }),
    });
    /** Waits for another credential; another try has taken its place. */
    let held = false;
    let over = false;
    let failed: BrokerError | undefined;
    this.#answer = answer;
    upstream.send(
      {
        method,
        path,
        headers: withCookies(replaced(headers, injection.headers), this.#jar?.header(asked)),
        body: this.#body(),
      },
      {
        onConnect: (abort) => {
          this.#abort = abort;
          if (this.#cancelled) abort(this.#cancelled);
        },
        onHeaders: (status, raw, resume, text) => {
          const pass = (): boolean => answer.head(status, raw, resume, text, (reason) => this.cancel(reason));
          const renewed = status === UNAUTHORIZED ? this.#renew(outgoing, injection) : undefined;
          // What cannot be sent again is answered; whoever comes next has the new credential.
          if (!renewed || !this.#replayable()) return pass();
          held = true;
          const decide = (other: Injection | undefined): void => {
            held = false;
            over = other !== undefined;
            if (this.#cancelled) return;
            if (other) {
              answer.over();
              this.#abort?.(new BrokerError('ended', 'sent again with another credential'));
              this.#dispatch(outgoing, other);
            } else if (failed) this.cancel(failed);
            else if (pass()) resume();
          };
          renewed.then(decide).catch((error: unknown) => this.cancel(toBrokerError(error)));
          return false;
        },
        onData: (chunk) => over || answer.data(chunk),
        onComplete: (trailers) => {
          if (!over) answer.complete(trailers);
        },
        onError: (error) => {
          failed = error;
          if (!held && !over && !answer.ended) this.cancel(failed);
        },
      },
    );
  }

  /**
   * Has the kind replace a credential that was refused, once; undefined where it has no other. Where that fails, it is on record
   * with whoever failed, and the server's own answer tells the client more than ours would.
   */
  #renew(outgoing: Outgoing, refused: Injection): Promise<Injection | undefined> | undefined {
    const { kind, config } = this.#service;
    if (!kind.refreshable || this.#renewed) return undefined;
    this.#renewed = true;
    const renew = async (): Promise<Injection> =>
      await kind.inject(config, this.#inject(true), outgoing, this.#signal());
    return renew().then(
      (made) => (made === refused ? undefined : made),
      () => undefined,
    );
  }

  #signal(): AbortSignal {
    this.#asking ??= new AbortController();
    if (this.#cancelled) this.#asking.abort(this.#cancelled);
    return this.#asking.signal;
  }

  /** What the limits say, else `otherwise` bytes. */
  #bodyLimit(otherwise: number): BodyLimit {
    const { maxBody, tooLarge: refused } = this.#allowed;
    if (maxBody > 0) return { maxBytes: maxBody, error: () => new RequestRefused(refused) };
    return { maxBytes: otherwise, error: () => tooLarge(otherwise) };
  }

  #replayable(): boolean {
    return this.#buffered !== undefined || bodyLength(this.#request) === 0;
  }

  #body(): Buffer | Upload | null {
    if (this.#buffered) return this.#buffered;
    if (bodyLength(this.#request) === 0) return null;
    this.#upload = new Upload(this.#request, this.#bodyLimit(0));
    return this.#upload;
  }
}

/** The path as the upstream gets it, by joining texts: a URL parser would change it, or leave the host (`//`). */
export function joined(service: HttpService, tail: string): string {
  const { path, query } = splitQuery(tail);
  const bad = badPath(path);
  if (bad) throw new BrokerError('invalid_argument', `the path is refused: it has ${bad}`);
  const whole = `${service.upstream.base.path}${path}`;
  return `${whole === '' ? '/' : whole}${query}`;
}

/** Without the query. */
export function pathLength(target: string): number {
  const at = target.indexOf('?');
  return at < 0 ? target.length : at;
}
