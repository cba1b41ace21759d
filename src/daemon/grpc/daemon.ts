import type { DaemonHandlers } from '../../core/proto/broker/v1/Daemon.ts';
import type { Daemon } from '../daemon.ts';
import type { Adapter } from './adapt.ts';

export function daemonHandlers(daemon: Daemon, adapt: Adapter): DaemonHandlers {
  return {
    Shutdown: adapt.unary(async ({ reason }, { caller, signal }) => {
      await daemon.audited('daemon.shutdown', caller, { reason }, async () => {
        // Not before this call is over, its answer included, so that whoever asked learns that it was heard.
        const stop = (): void => afterWriting(() => daemon.requestStop());
        if (signal.aborted) stop();
        else signal.addEventListener('abort', stop, { once: true });
      });
      return {};
    }),
  };
}

/**
 * Node's http2 hands what a call has said to the socket at the end of the turn of the event loop; Node 24 forgets it when the
 * session ends before. The second turn is for a write that the first has begun.
 */
function afterWriting(stop: () => void): void {
  setImmediate(() => setImmediate(stop));
}
