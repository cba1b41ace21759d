import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from '../../../../src/daemon/metrics/metrics.ts';
import type { Lease } from '../../../../src/daemon/sessions/events.ts';

function lease(id: string, more: Partial<Lease> = {}): Lease {
  return {
    id,
    kind: 'postgres',
    service: 'db',
    openedBy: {},
    check: 'peer',
    address: { listen: 'tcp', host: '127.0.0.1', port: 1, tls: false },
    state: 'connected',
    openedAt: 0,
    expiresAt: 0,
    acceptUntil: 0,
    connections: { served: 1, live: 1, limit: 1 },
    bytesUp: 0,
    bytesDown: 0,
    ...more,
  };
}

function metrics(leases: readonly Lease[] = []): { metrics: Metrics; lines: (name: string) => string[] } {
  const made = new Metrics({
    version: '1',
    startedAt: 0,
    isUnlocked: () => true,
    leases: () => leases,
    services: () => [],
    spares: () => 0,
    hasHttpThread: () => false,
    audit: { unsealed: 0, healthy: true },
  });
  const page = (): string[] => made.render(() => true).split('\n');
  return { metrics: made, lines: (name) => page().filter((line) => line.startsWith(name)) };
}

test('bytes of live sessions go on as those of ended ones: the sum never falls', () => {
  const leases = [lease('a', { bytesUp: 5, bytesDown: 7 }), lease('b', { bytesUp: 1 })];
  const { metrics: made, lines } = metrics(leases);
  const before = lines('broker_session_bytes_total');
  assert.deepEqual(before, [
    'broker_session_bytes_total{kind="postgres",service="db",direction="up"} 6',
    'broker_session_bytes_total{kind="postgres",service="db",direction="down"} 7',
  ]);
  const [ended] = leases.splice(0, 1);
  assert.ok(ended);
  made.session({ type: 'ended', at: 0, lease: { ...ended, state: 'ended', endReason: 'closed' } });
  assert.deepEqual(lines('broker_session_bytes_total'), before);
});

test('a proxied request is counted once, at its end, by the class of its status', () => {
  const { metrics: made, lines } = metrics();
  const event = { action: 'http.request', caller: {}, service: 'api', kind: 'bearer' } as const;
  made.audited({ ...event, outcome: 'intent' });
  made.audited({ ...event, outcome: 'ok', durationMs: 30, bytesUp: 2, bytesDown: 9, detail: { status: 204 } });
  made.audited({ ...event, outcome: 'failed', durationMs: 3 });
  made.audited({ ...event, outcome: 'denied', code: 'denied', detail: { status: 403, rule: 'methods' } });
  assert.deepEqual(lines('broker_http_requests_total'), [
    'broker_http_requests_total{kind="bearer",service="api",status="2xx"} 1',
    'broker_http_requests_total{kind="bearer",service="api",status="none"} 1',
    'broker_http_requests_total{kind="bearer",service="api",status="4xx"} 1',
  ]);
  assert.deepEqual(lines('broker_http_request_seconds_count'), [
    'broker_http_request_seconds_count{kind="bearer",service="api"} 2',
  ]);
  assert.deepEqual(lines('broker_http_bytes_total{'), [
    'broker_http_bytes_total{kind="bearer",service="api",direction="up"} 2',
    'broker_http_bytes_total{kind="bearer",service="api",direction="down"} 9',
  ]);
  assert.deepEqual(lines('broker_refusals_total'), ['broker_refusals_total{action="http.request",rule="methods"} 1']);
});

test('token refreshes are counted by how they went', () => {
  const { metrics: made, lines } = metrics();
  const event = { action: 'oauth.refresh', caller: {}, service: 'mail' } as const;
  made.audited({ ...event, outcome: 'ok' });
  made.audited({ ...event, outcome: 'failed', code: 'upstream_auth' });
  assert.deepEqual(lines('broker_oauth_refreshes_total'), [
    'broker_oauth_refreshes_total{service="mail",outcome="ok"} 1',
    'broker_oauth_refreshes_total{service="mail",outcome="failed"} 1',
  ]);
});
