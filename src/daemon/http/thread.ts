import { parentPort } from 'node:worker_threads';
import { Serving } from '../../http/thread/serving.ts';
import { addressGuard } from '../sessions/guard.ts';

/*
 * A thread for connections to HTTP services (src/http/thread). Broker's own ports are not known here: what is at one of
 * them is not sent here.
 */
if (parentPort) {
  const port = parentPort;
  const serving = new Serving(
    addressGuard(() => false),
    (said, handed) => port.postMessage(said, handed),
  );
  port.on('message', (said) => serving.heard(said));
}
