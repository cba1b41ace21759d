import { setFlagsFromString } from 'node:v8';
import { BrokerError } from '../core/errors.ts';
import { harden } from './harden.ts';
import { startInstance } from './instance.ts';
import { createLog, type LogLevel } from './log.ts';
import { readSettings } from './settings.ts';

/**
 * Runs the daemon until it is told to stop (SIGTERM, SIGINT, Daemon.Shutdown), then ends everything and returns.
 * @param flags command-line settings by name, without dashes.
 * @throws as startInstance.
 */
export async function runDaemon(flags: Readonly<Record<string, string | undefined>>): Promise<void> {
  tuneGarbageCollector();
  const settings = readSettings(flags, process.env);
  const log = createLog(logLevel(settings['log-level']));
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop.abort());
  // With no listener SIGUSR1 would open the inspector on a TCP port that any local user can reach.
  process.on('SIGUSR1', () => log.warn('SIGUSR1 ignored'));
  const weaknesses = await harden();
  await using instance = await startInstance({
    settings,
    env: process.env,
    log,
    weaknesses,
    requestStop: () => stop.abort(),
  });
  const { daemon, socket, port, httpPort } = instance;
  const addresses = { socket, grpc: port ?? 'off', http: daemon.httpAddress ?? 'off' };
  log.info('ready', { pid: process.pid, home: settings.home, ...addresses, vault: daemon.vault.state });
  // The parent that started us in the background waits for this message and for nothing else.
  process.send?.({ type: 'ready', socket, port: port ?? 0, httpPort: httpPort ?? 0 });
  await aborted(stop.signal);
  log.info('stopping');
}

function logLevel(text: string | undefined): LogLevel {
  const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];
  const found = levels.find((level) => level === text);
  if (!found) throw new BrokerError('invalid_argument', `--log-level must be one of ${levels.join(', ')}`);
  return found;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * Two things that V8 guesses wrong for a daemon.
 *
 * It allocates at once in the old generation what most often gets there from the same place in the code. Such places are
 * shared (Node's lists of listeners): what long connections have many of makes those of short requests old, too, and with
 * them everything that a request has, until the next full collection. Without this a request costs half as much again.
 *
 * It lets the old generation grow by about half before it collects all of it, and counts the buffers in there. Ours is 20 MB; a
 * big copy has 10 MB under way, so that every 25 ms all is marked, by four threads, on the two processors that the copy needs.
 * At three times its size that is two collections a second, and the copy takes two thirds of the time. (At four times it is
 * one half a second, but what waits to be collected then makes a session look a tenth larger than it may be.)
 */
function tuneGarbageCollector(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
  setFlagsFromString('--heap-growing-percent=200');
}
