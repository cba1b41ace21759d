import { BrokerError } from './errors.ts';

/**
 * An error of a login as its caller sees it: "the server ..." says which server, and what has no hop yet belongs to the
 * login. Anything but an `upstream_*` error is returned as it is.
 * @param server `Redis at cache:6379`.
 */
export function blame(error: unknown, server: string): unknown {
  if (!(error instanceof BrokerError) || !error.code.startsWith('upstream_')) return error;
  return new BrokerError(error.code, error.message.replace(/^the server /, `${server} `), {
    hop: error.hop ?? 'auth',
    cause: error.cause,
    ...(error.hint && { hint: error.hint }),
    ...(error.upstreamCode && { upstreamCode: error.upstreamCode }),
  });
}
