import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { ConnectRequest } from '../core/proto/broker/v1/ConnectRequest.ts';
import type { ConnectResponse__Output } from '../core/proto/broker/v1/ConnectResponse.ts';
import { fromServiceError } from './connect.ts';

/**
 * Carries bytes between local streams and a Connect call that has been started: the end of `input` is passed on while
 * what is still to come is written to `output`.
 * @returns when the other side has finished; `output` is not ended.
 * @throws BrokerError of the opening, or of what ended the session.
 */
export function carry(
  call: ClientDuplexStream<ConnectRequest, ConnectResponse__Output>,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  address: string,
): Promise<void> {
  call.on('data', ({ data }: ConnectResponse__Output) => {
    if (output.write(data)) return;
    call.pause();
    output.once('drain', () => call.resume());
  });
  input.on('data', (data: Buffer) => {
    if (call.write({ data })) return;
    input.pause();
    call.once('drain', () => input.resume());
  });
  input.on('end', () => call.end());
  // Whoever breaks off has left: nobody is there to take an answer.
  input.on('error', () => call.cancel());
  return new Promise((resolve, reject) => {
    call.on('end', resolve);
    call.on('error', (error) => reject(fromServiceError(error, address)));
  });
}
