#!/usr/bin/env node
import { BrokerError, EXIT_CODE, toBrokerError } from '../core/errors.ts';
import { sayError } from './output.ts';
import { run } from './program.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of our output went away (head, a closed pager): that is its right, and not an error of ours.
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (thrown) {
  const error = toBrokerError(thrown);
  sayError(error);
  if (error.code === 'internal' && process.env.BROKER_DEBUG && error.cause instanceof Error) console.error(error.cause);
  process.exitCode = thrown instanceof BrokerError && thrown.code === 'cancelled' ? 130 : EXIT_CODE[error.code];
}
