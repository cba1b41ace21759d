import type { DaemonHandlers } from '../../core/proto/broker/v1/Daemon.ts';
import type { Daemon } from '../daemon.ts';
import type { Adapter } from './adapt.ts';

export function daemonHandlers(daemon: Daemon, adapt: Adapter): DaemonHandlers {
  return {
    Shutdown: adapt.unary(async ({ reason }, { caller }) => {
      await daemon.audited('daemon.shutdown', caller, { reason }, async () => {
        // After this call is answered, so that whoever asked learns that it was heard.
        setImmediate(() => daemon.requestStop());
      });
      return {};
    }),
  };
}
