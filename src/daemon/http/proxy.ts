import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AuditEvent } from '../../core/audit.ts';
import { Bag } from '../../core/bag.ts';
import type { DriverIo } from '../../core/driver.ts';
import { BrokerError, type ErrorCode, toBrokerError } from '../../core/errors.ts';
import type { Grant } from '../../core/grant.ts';
import type { Jar, Jars } from '../../http/cookies.ts';
import { Exchange, type ExchangeReport } from '../../http/exchange.ts';
import { splitQuery } from '../../http/path.ts';
import type { ExchangeIo, HttpService } from '../../http/service.ts';
import { UpgradedExchange } from '../../http/upgrade.ts';
import { auditCaller, type Caller } from '../caller.ts';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import type { ProbedHop, ProbeResult } from '../sessions/probe.ts';
import type { Route } from './routes.ts';
import { type Access, HttpServices, type Live, type ServiceParts } from './services.ts';

export interface ProxyParts extends Omit<ServiceParts, 'clock'> {
  readonly audit: {
    /** Resolves when the record is on disk. */
    record(event: AuditEvent): Promise<void>;
    /** Resolves when the record is in the file, which is synced within 100 ms. */
    write(event: AuditEvent): Promise<void>;
    readonly problem: BrokerError | undefined;
  };
  readonly jars: Jars;
  accessTokens(service: string): NonNullable<DriverIo['accessToken']>;
  /** For the daemon's log. */
  readonly report: (error: unknown, doing: string) => void;
  readonly clock?: Clock;
}

/** Milliseconds after which a request that still runs goes on record, and how often that is looked at. */
const LONG_MS = 10_000;
const LOOK_MS = 2_000;
/** Errors that say no to the caller, as the audit log tells them from failures. */
const REFUSALS: readonly ErrorCode[] = ['denied', 'invalid_argument', 'too_large', 'exhausted'];

/** A request under way. */
interface Running extends Live {
  readonly since: number;
  readonly event: Omit<AuditEvent, 'outcome'>;
  announced: boolean;
}

/** `/proxy/NAME/...`: requests to the services, each with its record when it is over. */
export class HttpProxy {
  readonly #parts: ProxyParts;
  readonly #clock: Clock;
  readonly #services: HttpServices;
  readonly #running = new Bag<Running>();
  /** Of tokens with jars, which end with them. */
  readonly #watched = new WeakSet<AbortSignal>();
  #timer: Timer | undefined;
  #written: Promise<void> | undefined;

  constructor(parts: ProxyParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? systemClock;
    this.#services = new HttpServices({ ...parts, clock: this.#clock });
  }

  /** Requests that are not answered to the end yet. */
  get underWay(): number {
    return this.#running.size;
  }

  routes(): Route[] {
    return [
      {
        path: '/proxy/',
        auth: 'token',
        answersContinue: true,
        handle: (request, response, caller, rest) => {
          const { name, tail } = nameOf(rest);
          return this.serve(request, response, caller, name, tail, `/proxy/${name}`);
        },
        upgrade: (request, socket, head, caller, rest) => {
          const { name, tail } = nameOf(rest);
          return this.upgrade(request, socket, head, caller, name, tail, `/proxy/${name}`);
        },
      },
    ];
  }

  /**
   * One request to the service.
   * @param tail raw target behind the service's name. @param mount where the client finds the service.
   * @throws BrokerError while nothing of an answer was sent.
   */
  async serve(
    request: IncomingMessage,
    response: ServerResponse,
    caller: Caller,
    name: string,
    tail: string,
    mount: string,
  ): Promise<void> {
    this.#demandAudit();
    const got = this.#services.get(caller, name);
    const access = got instanceof Promise ? await got : got;
    const event = eventOf(request, caller, access.service, tail);
    let exchange: Exchange;
    try {
      exchange = new Exchange(
        access.service,
        request,
        response,
        { tail, mount, jar: this.#jar(access, caller), admit: () => access.admit(request, tail) },
        this.#io(name),
      );
    } catch (error) {
      this.#over(event, performance.now(), undefined, toBrokerError(error));
      throw toBrokerError(error).forService(name);
    }
    await this.#run(access, event, exchange, () => exchange.run());
  }

  /** As `serve`, for a client that asks for WebSocket. */
  async upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    caller: Caller,
    name: string,
    tail: string,
    mount: string,
  ): Promise<void> {
    this.#demandAudit();
    const access = await this.#services.get(caller, name);
    const event = eventOf(request, caller, access.service, tail);
    const exchange = new UpgradedExchange(
      access.service,
      { request, socket, head, tail, mount, jar: this.#jar(access, caller), admit: () => access.admit(request, tail) },
      this.#io(name),
    );
    await this.#run(access, event, exchange, (running) =>
      exchange.run(async () => {
        running.announced = true;
        await this.#parts.audit.record({ ...event, outcome: 'intent' });
      }),
    );
  }

  /** A service's record changed or went: the next request is decided anew. */
  changed(name: string): void {
    this.#services.changed(name);
  }

  /** Connects to the service of a grant once, for `service test`. The service's faults are the result, not a rejection. */
  async probe(grant: Grant, signal: AbortSignal): Promise<ProbeResult> {
    const hops: ProbedHop[] = [];
    let since = performance.now();
    const pass = (name: string, detail: string, ok = true): void => {
      const now = performance.now();
      hops.push({ name, ok, detail, tookMs: now - since });
      since = now;
    };
    const { name } = grant.subject;
    try {
      await this.#services.probe(grant, this.#io(name), pass, AbortSignal.any([signal, grant.signal]));
      return { hops };
    } catch (thrown) {
      const error = toBrokerError(thrown);
      pass(error.hop ?? 'auth', error.message, false);
      return { hops, error };
    }
  }

  async #run(
    access: Access,
    event: Omit<AuditEvent, 'outcome'>,
    exchange: Live & { report(): ExchangeReport },
    run: (running: Running) => Promise<ExchangeReport>,
  ): Promise<void> {
    const running: Running = {
      since: performance.now(),
      event,
      announced: false,
      cancel: (reason) => exchange.cancel(reason),
    };
    const leave = access.enter(running);
    const ended = this.#running.add(running);
    this.#look();
    try {
      this.#over(event, running.since, await run(running), undefined);
    } catch (thrown) {
      const error = toBrokerError(thrown);
      this.#over(event, running.since, exchange.report(), error);
      throw error.forService(access.service.name);
    } finally {
      ended();
      leave();
    }
  }

  /** A request that cannot be put on record is not made. */
  #demandAudit(): void {
    if (this.#parts.audit.problem) throw new BrokerError('unavailable', 'the audit log cannot be written');
  }

  #over(
    event: Omit<AuditEvent, 'outcome'>,
    since: number,
    report: ExchangeReport | undefined,
    thrown: BrokerError | undefined,
  ): void {
    const error = thrown ?? report?.error;
    const detail: Record<string, string | number | boolean> = { ...event.detail };
    if (report && report.status > 0) detail.status = report.status;
    if (report?.scrubbed) detail.scrubbed = true;
    if (error && 'rule' in error && typeof error.rule === 'string') detail.rule = error.rule;
    const { action, caller, service = '', kind = '' } = event;
    this.#write({
      action,
      outcome: error ? (REFUSALS.includes(error.code) ? 'denied' : 'failed') : 'ok',
      caller,
      service,
      kind,
      ...(error && { code: error.code, message: error.message }),
      durationMs: Math.round(performance.now() - since),
      bytesUp: report?.bytesUp ?? 0,
      bytesDown: report?.bytesDown ?? 0,
      detail,
    });
  }

  #write(event: AuditEvent): void {
    // Records of one batch have one promise.
    const written = this.#parts.audit.write(event);
    if (written === this.#written) return;
    this.#written = written;
    // The log itself remembers that it failed, and the next request is refused.
    written.catch((error: unknown) => this.#parts.report(error, 'recording a request'));
  }

  /** Puts requests that take long on record while they last. */
  #look(): void {
    this.#timer ??= this.#clock.after(LOOK_MS, () => {
      this.#timer = undefined;
      const before = performance.now() - LONG_MS;
      for (const running of this.#running) {
        if (running.announced || running.since > before) continue;
        running.announced = true;
        this.#write({ ...running.event, outcome: 'intent' });
      }
      if (this.#running.size > 0) this.#look();
    });
  }

  #jar({ service: { name, config } }: Access, caller: Caller): Jar | undefined {
    const { session_cookies: mode, base_url: baseUrl } = config;
    if (mode === 'off') return undefined;
    const { id = '', signal } = caller.token ?? {};
    if (mode === 'token' && signal && !this.#watched.has(signal)) {
      this.#watched.add(signal);
      signal.addEventListener('abort', () => this.#parts.jars.endToken(id), { once: true });
    }
    return signal?.aborted ? undefined : this.#parts.jars.of({ service: name, mode, baseUrl, token: id });
  }

  #io(name: string): ExchangeIo {
    return {
      now: () => this.#clock.now(),
      random: randomBytes,
      accessTokens: () => this.#parts.accessTokens(name),
      clock: this.#clock,
    };
  }
}

/** The service's name is compared as it stands: `%6f` is no `o`. */
function nameOf(rest: string): { readonly name: string; readonly tail: string } {
  const end = rest.search(/[/?]/);
  return end < 0 ? { name: rest, tail: '' } : { name: rest.slice(0, end), tail: rest.slice(end) };
}

function eventOf(
  { method = '' }: IncomingMessage,
  caller: Caller,
  { name, kind, config }: HttpService,
  tail: string,
): Omit<AuditEvent, 'outcome'> {
  const used = usedSecrets(kind.config.secretNames, config);
  return {
    action: 'http.request',
    caller: auditCaller(caller),
    service: name,
    kind: kind.kind,
    detail: { method, path: splitQuery(tail).path || '/', ...(used !== '' && { secrets: used }) },
  };
}

const remembered = new WeakMap<object, string>();

/** Names of the secrets that are in use, not what they are. */
function usedSecrets(names: readonly string[], config: object): string {
  const known = remembered.get(config);
  if (known !== undefined) return known;
  const values = new Map<string, unknown>(Object.entries(config));
  const used = names.filter((name) => values.get(name) !== undefined).join(' ');
  remembered.set(config, used);
  return used;
}
