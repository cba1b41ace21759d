import { BrokerError } from '../../core/errors.ts';
import type { AuditHandlers } from '../../core/proto/broker/v1/Audit.ts';
import type { AuditRecord } from '../../core/proto/broker/v1/AuditRecord.ts';
import { fromMillis, fromOptionalMillis, toMillis } from '../../core/rpc.ts';
import type { ChainedRecord } from '../audit/line.ts';
import type { Daemon } from '../daemon.ts';
import type { Adapter } from './adapt.ts';

const OUTCOMES = ['intent', 'ok', 'denied', 'failed'] as const;

export function auditHandlers(daemon: Daemon, adapt: Adapter): AuditHandlers {
  const { audit } = daemon;
  return {
    Query: adapt.serverStream(async function* (request, { signal }) {
      const { service, action, token, limit, follow } = request;
      const since = toMillis(request.since);
      const until = toMillis(request.until);
      const outcome = OUTCOMES.find((known) => known === request.outcome);
      if (request.outcome && !outcome)
        throw new BrokerError('invalid_argument', `outcome must be one of ${OUTCOMES.join(', ')}`);
      const filter = {
        ...(since !== undefined && { since }),
        ...(until !== undefined && { until }),
        ...(service && { service }),
        ...(action && { action }),
        ...(token && { token }),
        ...(outcome && { outcome }),
        limit,
        follow,
      };
      for await (const record of audit.query(filter, signal)) yield message(record);
    }),
    Verify: adapt.unary(async (_request, { caller }) => {
      const report = await daemon.audited('audit.verify', caller, {}, () => audit.verify());
      return { ok: report.ok, records: report.records, unsealed: report.unsealed, problem: report.problem };
    }),
  };
}

function message({ seq, time, event, line }: ChainedRecord): AuditRecord {
  const { caller } = event;
  return {
    seq,
    time: fromMillis(Date.parse(time)),
    action: event.action,
    outcome: event.outcome,
    token: caller.token ?? '',
    tokenId: caller.tokenId ?? '',
    ...(caller.uid !== undefined && { uid: caller.uid }),
    ...(caller.pid !== undefined && { pid: caller.pid }),
    executable: caller.executable ?? '',
    transport: caller.transport ?? '',
    service: event.service ?? '',
    kind: event.kind ?? '',
    session: event.session ?? '',
    reason: event.reason ?? '',
    code: event.code ?? '',
    message: event.message ?? '',
    duration: fromOptionalMillis(event.durationMs),
    bytesUp: event.bytesUp ?? 0,
    bytesDown: event.bytesDown ?? 0,
    line,
  };
}
