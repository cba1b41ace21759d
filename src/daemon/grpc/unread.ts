import { constants } from 'node:http2';
import { DRAIN_MS } from '../../core/limits.ts';
import { after } from '../sessions/link.ts';
import { callStream, property } from './callstream.ts';

/** What is known here of a call that sends a stream. */
export interface Sending {
  readonly writableLength: number;
  once(event: 'cancelled', listener: () => void): unknown;
}

/**
 * Sees to it that a call that has failed is over at its client too. HTTP/2 sends the status behind the data, so that a client
 * which reads none of it would never learn how the call ended, and the call never be over. One that has taken nothing for
 * DRAIN_MS gets the stream reset, which no window holds back: `RESOURCE_EXHAUSTED`.
 */
export function endUnread(call: Sending, patienceMs = DRAIN_MS): void {
  let stop = (): void => undefined;
  const wait = (before: number): void => {
    stop = after(patienceMs, () => {
      const left = call.writableLength;
      // It is slow, but it reads.
      if (left < before) wait(left);
      else reset(call);
    });
  };
  wait(call.writableLength);
  // grpc-js says so at the end of every call, when its status is out.
  call.once('cancelled', () => stop());
}

function reset(call: Sending): void {
  const stream = callStream(call);
  const close = property(stream, 'close');
  if (typeof close === 'function') Reflect.apply(close, stream, [constants.NGHTTP2_ENHANCE_YOUR_CALM]);
}
