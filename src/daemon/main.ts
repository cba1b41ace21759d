import { BrokerError } from '../core/errors.ts';
import { harden } from './harden.ts';
import { tuneHeap } from './heap.ts';
import { startInstance } from './instance.ts';
import { createLog, type LogLevel } from './log.ts';
import { readSettings } from './settings.ts';

/**
 * Runs the daemon until it is told to stop (SIGTERM, SIGINT, Daemon.Shutdown), then ends everything and returns.
 * @param flags command-line settings by name, without dashes.
 * @throws as startInstance.
 */
export async function runDaemon(flags: Readonly<Record<string, string | undefined>>): Promise<void> {
  tuneHeap();
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
