#!/usr/bin/env node
import { run } from './program.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of our output went away (head, a closed pager): that is its right, and not an error of ours.
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await run(process.argv.slice(2));
