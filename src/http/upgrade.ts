import { type IncomingMessage, request as send } from 'node:http';
import type { Duplex } from 'node:stream';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import { DRAIN_MS } from '../core/limits.ts';
import type { Jar } from './cookies.ts';
import { type ExchangeReport, joined, pathLength } from './exchange.ts';
import { isFieldValue } from './fieldlines.ts';
import { firstOf, replaced, valuesOf, withCookies } from './headers.ts';
import type { Outgoing } from './kind.ts';
import { withLocation } from './location.ts';
import type { Allowed } from './policy/rules.ts';
import { scrubFields } from './scrub/fields.ts';
import { type ExchangeIo, type HttpService, injectIo } from './service.ts';

/** Bytes of an answer that declines the upgrade: it is an error message. */
const MAX_DECLINED_BYTES = 1024 * 1024;

/** A client's connection on which it asked for another protocol. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** Bytes that came behind the request. */
  readonly head: Buffer;
  readonly tail: string;
  readonly mount: string;
  readonly jar: Jar | undefined;
  /** Lets the request pass, and counts it until it is released. @throws RequestRefused. */
  admit(): Allowed;
}

/**
 * A WebSocket (RFC 6455): the handshake goes through with the credential in it, over a connection of its own, encrypted and
 * verified like any other; then bytes move both ways until either side ends. What moves is not looked into.
 */
export class UpgradedExchange {
  readonly #service: HttpService;
  readonly #from: UpgradeRequest;
  readonly #io: ExchangeIo;
  readonly #cancelled = new AbortController();
  #upstream: Duplex | undefined;
  #status = 0;
  #up = 0;
  #down = 0;
  #error: BrokerError | undefined;

  constructor(service: HttpService, from: UpgradeRequest, io: ExchangeIo) {
    this.#service = service;
    this.#from = from;
    this.#io = io;
  }

  /**
   * Resolves when both connections are over. @param switched called when the server has agreed, before a byte moves.
   * @throws BrokerError while nothing was sent to the client yet.
   */
  async run(switched: () => Promise<void>): Promise<ExchangeReport> {
    const { request, tail } = this.#from;
    if (request.headers.upgrade?.toLowerCase() !== 'websocket' || request.method !== 'GET')
      throw new BrokerError('invalid_argument', 'of other protocols only WebSocket passes');
    joined(this.#service, tail);
    const allowed = this.#from.admit();
    try {
      return await this.#run(switched);
    } finally {
      this.#release();
      allowed.release();
    }
  }

  async #run(switched: () => Promise<void>): Promise<ExchangeReport> {
    const { socket } = this.#from;
    socket.once('close', () => {
      // Once the protocols are switched, either side may end it as it likes.
      if (!this.#upstream) this.cancel(new BrokerError('client_gone', 'the client went away'));
    });
    const answer = await this.#ask();
    this.#status = answer.statusCode ?? 0;
    if (!this.#upstream) {
      await this.#decline(answer);
      return this.report();
    }
    try {
      const head = this.#headOf(answer, ['Connection', 'Upgrade', 'Upgrade', 'websocket']);
      await switched();
      socket.write(head, 'latin1');
      await this.#relay(this.#upstream);
    } finally {
      this.#upstream.destroy();
    }
    return this.report();
  }

  cancel(reason: BrokerError): void {
    if (this.#cancelled.signal.aborted) return;
    this.#error ??= reason;
    this.#cancelled.abort(reason);
    this.#upstream?.destroy();
    if (this.#upstream) this.#from.socket.destroy();
  }

  report(): ExchangeReport {
    return {
      status: this.#status,
      bytesUp: this.#up,
      bytesDown: this.#down,
      error: this.#error,
      scrubbed: false,
    };
  }

  /** Sends the handshake. @returns the head of the answer; `#upstream` is set where it is a 101. */
  async #ask(): Promise<IncomingMessage> {
    const { upstream, kind, config, headers: rules } = this.#service;
    const { request, tail, mount, jar } = this.#from;
    const { signal } = this.#cancelled;
    const asked = joined(this.#service, tail);
    const allowed = rules.request(request.rawHeaders);
    const outgoing: Outgoing = {
      method: 'GET',
      origin: upstream.base.origin,
      path: asked,
      headers: allowed,
      body: async () => Buffer.alloc(0),
    };
    const injection = await kind.inject(config, injectIo(this.#io)(false), outgoing, signal);
    const needles = this.#service.needles(injection.needles);
    // Another request may have the credential renewed before this one is answered.
    this.#release = needles.hold();
    const path = injection.path ?? outgoing.path;
    const basePath = path.slice(0, Math.max(0, pathLength(path) - pathLength(tail)));
    const { base, guard } = upstream;
    const place = { path, base, mount, basePath, host: request.headers.host ?? '', guard };
    this.#clean = (fields) => scrubFields(needles, withLocation([...fields], place));
    const connection = ['Host', upstream.base.authority, 'Connection', 'Upgrade', 'Upgrade', 'websocket'];
    const socket = await upstream.dedicated(signal);
    // A reset may come while nobody else listens: behind the 101, before the relay.
    socket.on('error', () => socket.destroy());
    const handshake = send({
      createConnection: () => socket,
      method: 'GET',
      path,
      headers: withCookies(replaced(outgoing.headers, [...connection, ...injection.headers]), jar?.header(asked)),
      setHost: false,
      signal,
    });
    const seconds = config.header_timeout;
    const late = new BrokerError('upstream_timeout', `${upstream.base.host} did not answer in time`);
    const timer = seconds > 0 ? setTimeout(() => handshake.destroy(late), seconds * 1_000) : undefined;
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      handshake.once('upgrade', (answer: IncomingMessage, upgraded: Duplex, head: Buffer) => {
        if (head.length > 0) upgraded.unshift(head);
        this.#upstream = upgraded;
        resolve(answer);
      });
      handshake.once('response', resolve);
      handshake.once('error', (cause) => {
        if (cause === late) return void reject(late);
        const why = `${upstream.base.host} did not answer the WebSocket handshake`;
        reject(signal.aborted ? toBrokerError(signal.reason) : new BrokerError('upstream_protocol', why, { cause }));
      });
      handshake.end();
    });
    const answer = await answered.finally(() => clearTimeout(timer));
    jar?.keep(valuesOf(answer.rawHeaders, 'set-cookie'), asked);
    return answer;
  }

  #release: () => void = () => undefined;
  #clean: (fields: readonly string[]) => readonly string[] = (fields) => fields;

  #headOf(answer: IncomingMessage, more: readonly string[]): string {
    const headers = replaced(this.#clean(this.#service.headers.response(answer.rawHeaders)), more);
    const [reason = ''] = this.#clean([answer.statusMessage ?? '']);
    // Node's parser lets control characters stand there, and this head goes out by hand.
    if (!isFieldValue(reason))
      throw new BrokerError('upstream_protocol', 'the answer to the WebSocket handshake is not as HTTP demands');
    let head = `HTTP/1.1 ${answer.statusCode} ${reason}\r\n`;
    for (let at = 0; at < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`;
    return `${head}\r\n`;
  }

  /** The server's own no, whole and with the secrets looked for; then the connection closes. */
  async #decline(answer: IncomingMessage): Promise<void> {
    const body = await this.#bodyOf(answer);
    if (firstOf(answer.rawHeaders, 'content-encoding') !== undefined)
      throw new BrokerError('upstream_protocol', 'the answer to the WebSocket handshake is encoded');
    const bytes = Buffer.from(this.#clean([body.toString('latin1')])[0] ?? '', 'latin1');
    const head = this.#headOf(answer, ['Content-Length', String(bytes.length), 'Connection', 'close']);
    this.#from.socket.end(Buffer.concat([Buffer.from(head, 'latin1'), bytes]));
  }

  async #bodyOf(answer: IncomingMessage): Promise<Buffer> {
    const { upstream, config } = this.#service;
    const silent = new BrokerError('upstream_timeout', `${upstream.base.host} stopped in the middle of its answer`);
    if (config.idle_timeout > 0) answer.setTimeout(config.idle_timeout * 1_000, () => answer.destroy(silent));
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of answer) {
        if (!Buffer.isBuffer(chunk)) continue;
        this.#down += chunk.length;
        if (this.#down > MAX_DECLINED_BYTES)
          throw new BrokerError('upstream_protocol', 'the answer to the WebSocket handshake is too large');
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    } catch (cause) {
      if (cause instanceof BrokerError) throw cause;
      const { signal } = this.#cancelled;
      if (signal.aborted) throw toBrokerError(signal.reason);
      // Node's own word for it is `aborted`, and says nothing of the framing that it may have been.
      const why = `${upstream.base.host} broke off its answer to the WebSocket handshake`;
      throw new BrokerError('upstream_protocol', why, { cause });
    }
  }

  async #relay(upstream: Duplex): Promise<void> {
    const { socket, head } = this.#from;
    const { idle_timeout: seconds } = this.#service.config;
    const silent = (): void => this.cancel(new BrokerError('upstream_timeout', `nothing came for ${seconds} s`));
    const idle = seconds > 0 ? setTimeout(silent, seconds * 1_000) : undefined;
    const over = Promise.all([closed(socket), closed(upstream)]);
    upstream.on('error', () => upstream.destroy());
    endsWith(upstream, socket);
    endsWith(socket, upstream);
    socket.on('data', (chunk: Buffer) => {
      this.#up += chunk.length;
      idle?.refresh();
    });
    upstream.on('data', (chunk: Buffer) => {
      this.#down += chunk.length;
      idle?.refresh();
    });
    if (head.length > 0) {
      this.#up += head.length;
      upstream.write(head);
    }
    socket.pipe(upstream);
    upstream.pipe(socket);
    await over;
    clearTimeout(idle);
  }
}

/**
 * Once `one` is over, `other` gets what is on its way to it and is closed: one that ignores the end would hold its place,
 * and its limits, for as long as it likes.
 */
function endsWith(other: Duplex, one: Duplex): void {
  void closed(one).then(() => {
    other.end();
    const late = setTimeout(() => other.destroy(), DRAIN_MS);
    other.once('close', () => clearTimeout(late));
  });
}

async function closed(stream: Duplex): Promise<void> {
  if (stream.closed) return;
  await new Promise((resolve) => stream.once('close', resolve));
}
