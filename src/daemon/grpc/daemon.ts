import type { DaemonHandlers } from '../../core/proto/broker/v1/Daemon.ts';
import type { Daemon } from '../daemon.ts';
import type { Adapter } from './adapt.ts';

/** Milliseconds that the answer has to reach the wire: Node 24 ends idle http2 sessions in the same turn. */
const ANSWER_MS = 100;

export function daemonHandlers(daemon: Daemon, adapt: Adapter): DaemonHandlers {
  return {
    Shutdown: adapt.unary(async ({ reason }, { caller }) => {
      await daemon.audited('daemon.shutdown', caller, { reason }, async () => {
        // After this call is answered, so that whoever asked learns that it was heard.
        setTimeout(() => daemon.requestStop(), ANSWER_MS);
      });
      return {};
    }),
  };
}
