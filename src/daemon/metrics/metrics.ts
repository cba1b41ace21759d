import type { AuditEvent } from '../../core/audit.ts';
import type { Lease, LeaseEvent } from '../sessions/events.ts';
import { Registry, type Sample, type Visible } from './registry.ts';

/** What is asked of the daemon at each scrape. */
export interface MetricsSources {
  readonly version: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly isUnlocked: () => boolean;
  readonly leases: () => readonly Lease[];
  /** Names of the services; empty while the vault is locked. */
  readonly services: () => readonly string[];
  readonly spares: (service: string) => number;
  /** Whether the second thread is there. */
  readonly hasHttpThread: () => boolean;
  /** Records that no sealed head covers yet; whether the last write went well. */
  readonly audit: { readonly unsealed: number; readonly healthy: boolean };
}

interface Moved {
  readonly kind: string;
  readonly service: string;
  readonly up: number;
  readonly down: number;
}

/** Seconds: from a spare that is handed over to a login across the world; and to a long stream. */
const OPEN_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];
const REQUEST_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/**
 * The daemon's numbers. Fed by what goes on record anyway (`audited`) and by the sessions' own events; label values are names
 * of services, kinds, rules and codes, never anything that a client could choose freely.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #endedBytes = new Map<string, Moved>();
  readonly #opened;
  readonly #openSeconds;
  readonly #openFailed;
  readonly #ended;
  readonly #requests;
  readonly #requestSeconds;
  readonly #requestBytes;
  readonly #refusals;
  readonly #refreshes;
  readonly #rpcs;

  constructor(sources: MetricsSources) {
    const registry = this.#registry;
    const flag = (value: boolean): Sample[] => [{ values: [], value: value ? 1 : 0 }];
    registry.gauge('broker_info', 'The version that runs.', ['version'], () => [
      { values: [sources.version], value: 1 },
    ]);
    registry.gauge('broker_vault_unlocked', '1 while the vault is open.', [], () => flag(sources.isUnlocked()));
    registry.gauge('broker_sessions', 'Sessions that are open now.', ['kind', 'service'], () =>
      counts(sources.leases().filter(({ state }) => state !== 'ended')),
    );
    this.#opened = registry.counter('broker_sessions_opened_total', 'Sessions opened.', ['kind', 'service']);
    this.#openSeconds = registry.histogram(
      'broker_session_open_seconds',
      'Time from the request to a connection that is logged in.',
      ['kind', 'service'],
      OPEN_BOUNDS,
    );
    this.#openFailed = registry.counter('broker_session_open_failures_total', 'Sessions that could not be opened.', [
      'service',
      'code',
    ]);
    this.#ended = registry.counter('broker_sessions_ended_total', 'Sessions ended, by why.', [
      'kind',
      'service',
      'reason',
    ]);
    registry.counted('broker_session_bytes_total', 'Bytes through sessions.', ['kind', 'service', 'direction'], () =>
      this.#sessionBytes(sources.leases()),
    );
    registry.gauge('broker_spares', 'Connections made ahead.', ['service'], () =>
      sources.services().map((service) => ({ values: [service], value: sources.spares(service) })),
    );
    this.#requests = registry.counter('broker_http_requests_total', 'Proxied requests, when their body ended.', [
      'kind',
      'service',
      'status',
    ]);
    this.#requestSeconds = registry.histogram(
      'broker_http_request_seconds',
      'Time from the head of a proxied request to the end of both bodies.',
      ['kind', 'service'],
      REQUEST_BOUNDS,
    );
    this.#requestBytes = registry.counter('broker_http_bytes_total', 'Bytes of bodies of proxied requests.', [
      'kind',
      'service',
      'direction',
    ]);
    this.#refusals = registry.counter('broker_refusals_total', 'What was refused, by the rule that did.', [
      'action',
      'rule',
    ]);
    this.#refreshes = registry.counter('broker_oauth_refreshes_total', 'OAuth tokens fetched, by how that went.', [
      'service',
      'outcome',
    ]);
    this.#rpcs = registry.counter('broker_rpc_total', 'Calls of the control API, by how they ended.', [
      'method',
      'code',
    ]);
    registry.gauge('broker_http_thread', '1 while connections to HTTP services have a thread of their own.', [], () =>
      flag(sources.hasHttpThread()),
    );
    registry.gauge('broker_audit_unsealed_records', 'Records at the end of the audit log without a seal.', [], () => [
      { values: [], value: sources.audit.unsealed },
    ]);
    registry.gauge('broker_audit_healthy', '0 while the audit log cannot be written.', [], () =>
      flag(sources.audit.healthy),
    );
    registry.gauge('process_start_time_seconds', 'When the daemon started, in seconds since 1970.', [], () => [
      { values: [], value: sources.startedAt / 1000 },
    ]);
    registry.gauge('process_resident_memory_bytes', 'Memory that the daemon holds.', [], () => [
      { values: [], value: process.memoryUsage.rss() },
    ]);
    registry.counted('process_cpu_seconds_total', 'Time on processors, the kernel included.', [], () => {
      const { user, system } = process.cpuUsage();
      return [{ values: [], value: (user + system) / 1e6 }];
    });
  }

  /** The whole page in the Prometheus text format. @param visible whether the reader may know of a service. */
  render(visible: (service: string) => boolean): string {
    const mayRead: Visible = ({ service }) => service === undefined || visible(service);
    return this.#registry.render(mayRead);
  }

  /** A session is open, this long after it was asked for. */
  sessionOpened({ kind, service }: Lease, tookMs: number): void {
    this.#opened.add([kind, service]);
    this.#openSeconds.observe([kind, service], tookMs / 1000);
  }

  session({ type, lease }: LeaseEvent): void {
    if (type !== 'ended') return;
    const { kind, service, endReason } = lease;
    this.#ended.add([kind, service, endReason ?? 'error']);
    add(this.#endedBytes, lease);
  }

  /** One call of the control API. @param code the ErrorCode, or `ok`. */
  rpc(method: string, code: string): void {
    this.#rpcs.add([method.replace('/broker.v1.', ''), code]);
  }

  /** Whatever goes on record. */
  audited(event: AuditEvent): void {
    const { action, outcome, service = '', kind = '', code = '', detail = {} } = event;
    const rule = typeof detail.rule === 'string' ? detail.rule : code;
    if (outcome === 'denied') this.#refusals.add([action, rule]);
    if (action === 'session.open' && outcome === 'failed') this.#openFailed.add([service, code]);
    if (action === 'oauth.refresh') this.#refreshes.add([service, outcome]);
    if (action === 'http.request' && outcome !== 'intent') this.#request(event, service, kind);
  }

  #request({ durationMs, bytesUp = 0, bytesDown = 0, detail = {} }: AuditEvent, service: string, kind: string): void {
    const status = typeof detail.status === 'number' && detail.status >= 100 && detail.status < 600 ? detail.status : 0;
    this.#requests.add([kind, service, status === 0 ? 'none' : `${Math.floor(status / 100)}xx`]);
    if (durationMs !== undefined) this.#requestSeconds.observe([kind, service], durationMs / 1000);
    this.#requestBytes.add([kind, service, 'up'], bytesUp);
    this.#requestBytes.add([kind, service, 'down'], bytesDown);
  }

  /** What ended sessions have moved, and what the live ones have by now: together they only grow. */
  *#sessionBytes(leases: readonly Lease[]): Generator<Sample> {
    const sums = new Map([...this.#endedBytes].map(([key, sum]) => [key, { ...sum }]));
    for (const lease of leases) add(sums, lease);
    for (const { kind, service, up, down } of sums.values()) {
      yield { values: [kind, service, 'up'], value: up };
      yield { values: [kind, service, 'down'], value: down };
    }
  }
}

function add(sums: Map<string, Moved>, { kind, service, bytesUp, bytesDown }: Lease): void {
  const key = `${kind}\0${service}`;
  const sum = sums.get(key) ?? { kind, service, up: 0, down: 0 };
  sums.set(key, { ...sum, up: sum.up + bytesUp, down: sum.down + bytesDown });
}

function counts(leases: readonly Lease[]): Sample[] {
  const found = new Map<string, Sample>();
  for (const { kind, service } of leases) {
    const key = `${kind}\0${service}`;
    found.set(key, { values: [kind, service], value: (found.get(key)?.value ?? 0) + 1 });
  }
  return [...found.values()];
}
