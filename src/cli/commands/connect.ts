import { carry } from '../carry.ts';
import { findDaemon, openClient } from '../place.ts';

/**
 * `broker connect NAME`: one session on standard input and output, as ssh's ProxyCommand wants it.
 * @throws BrokerError of the opening, or of what ended the session before its proper end.
 */
export async function connectStdio(service: string, options: { reason?: string }): Promise<number> {
  const { stdin, stdout } = process;
  using client = openClient();
  const call = client.sessions.connect();
  call.write({ start: { service, reason: options.reason ?? '' } });
  try {
    await carry(call, stdin, stdout, findDaemon().address);
  } finally {
    stdin.destroy();
  }
  return 0;
}
