import type { ConnectResponse__Output } from '../../core/proto/broker/v1/ConnectResponse.ts';
import { fromServiceError } from '../connect.ts';
import { findDaemon, openClient } from '../place.ts';

/**
 * `broker connect NAME`: one session on standard input and output, as ssh's ProxyCommand wants it. The end of input is
 * passed on while what is still to come is printed; it returns when the other side has finished.
 * @throws BrokerError of the opening, or of what ended the session.
 */
export async function connectStdio(service: string, options: { reason?: string }): Promise<number> {
  const { stdin, stdout } = process;
  using client = openClient();
  const call = client.sessions.connect();
  const finished = new Promise<void>((resolve, reject) => {
    call.on('end', resolve);
    call.on('error', (error) => reject(fromServiceError(error, findDaemon().address)));
  });
  call.on('data', ({ data }: ConnectResponse__Output) => {
    if (stdout.write(data)) return;
    call.pause();
    stdout.once('drain', () => call.resume());
  });
  call.write({ start: { service, reason: options.reason ?? '' } });
  stdin.on('data', (data: Buffer) => {
    if (call.write({ data })) return;
    stdin.pause();
    call.once('drain', () => stdin.resume());
  });
  stdin.on('end', () => call.end());
  // A terminal or a pipe that breaks is as good as its end: the session finishes what it has.
  stdin.on('error', () => call.end());
  try {
    await finished;
  } finally {
    stdin.destroy();
  }
  return 0;
}
