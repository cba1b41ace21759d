import { BrokerError } from '../../core/errors.ts';
import { fromServiceError } from '../connect.ts';
import { findDaemon, openClient } from '../place.ts';

/** `broker connect NAME`: one session on standard input and output, as ssh's ProxyCommand wants it. */
export async function connectStdio(service: string, options: { reason?: string }): Promise<number> {
  using client = openClient();
  const call = client.sessions.connect();
  const done = new Promise<void>((resolve, reject) => {
    call.on('end', resolve);
    call.on('error', (error) => reject(fromServiceError(error, findDaemon().address)));
  });
  call.write({ start: { service, reason: options.reason ?? '' } });
  call.on('data', (message: { data: Buffer }) => {
    if (!process.stdout.write(message.data)) {
      call.pause();
      process.stdout.once('drain', () => call.resume());
    }
  });
  process.stdin.on('data', (data: Buffer) => {
    if (!call.write({ data })) {
      process.stdin.pause();
      call.once('drain', () => process.stdin.resume());
    }
  });
  process.stdin.on('end', () => call.end());
  try {
    await done;
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'cancelled') return 130;
    throw error;
  } finally {
    process.stdin.destroy();
  }
  return 0;
}
