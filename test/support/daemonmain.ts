import { EXIT_CODE, toBrokerError } from '../../src/core/errors.ts';
import { runDaemon } from '../../src/daemon/main.ts';

/** `broker daemon` without the command line: `--NAME VALUE` words, the daemon until it is told to stop. */
const words = process.argv.slice(2);
const flags: Record<string, string> = {};
for (let at = 0; at + 1 < words.length; at += 2) flags[(words[at] ?? '').slice(2)] = words[at + 1] ?? '';
try {
  await runDaemon(flags);
  // The channel to the test would keep the process alive.
  process.disconnect?.();
} catch (thrown) {
  const error = toBrokerError(thrown);
  process.stderr.write(`broker: ${error.message}\n`);
  process.exitCode = EXIT_CODE[error.code];
  process.disconnect?.();
}
