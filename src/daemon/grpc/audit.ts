import type { AuditHandlers } from '../../core/proto/broker/v1/Audit.ts';
import { toMillis } from '../../core/rpc.ts';
import type { Daemon } from '../daemon.ts';
import type { Adapter } from './adapt.ts';

export function auditHandlers(daemon: Daemon, adapt: Adapter): AuditHandlers {
  const { audit } = daemon;
  return {
    Query: adapt.serverStream(async function* (request, { signal }) {
      void request;
      void signal;
      void toMillis;
      void audit;
    }),
    Verify: adapt.unary(async () => ({})),
  };
}
