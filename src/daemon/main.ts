import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { BrokerError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { auditCaller, type Caller } from './caller.ts';
import { Daemon } from './daemon.ts';
import { groupId } from './group.ts';
import { Adapter } from './grpc/adapt.ts';
import { auditHandlers } from './grpc/audit.ts';
import { authenticator } from './grpc/authenticate.ts';
import { daemonHandlers } from './grpc/daemon.ts';
import { filesHandlers } from './grpc/files.ts';
import { kindsHandlers } from './grpc/kinds.ts';
import { GrpcServer, type TcpBind, type UnixBind } from './grpc/server.ts';
import { servicesHandlers } from './grpc/services.ts';
import { sessionsHandlers } from './grpc/sessions.ts';
import { tokensHandlers } from './grpc/tokens.ts';
import { vaultHandlers } from './grpc/vault.ts';
import { harden } from './harden.ts';
import { createLog, type Log, type LogLevel } from './log.ts';
import { createPeerLookup } from './peer/lookup.ts';
import { type DaemonSettings, readSettings } from './settings.ts';
import { VERSION } from './version.ts';

const INTERNAL: Caller = { transport: 'internal', origin: 'internal' };

/**
 * Runs the daemon until it is told to stop (SIGTERM, SIGINT, Daemon.Shutdown), then ends everything and returns.
 * @param flags command-line settings by name, without dashes.
 */
export async function runDaemon(flags: Readonly<Record<string, string | undefined>>): Promise<void> {
  const settings = readSettings(flags, process.env);
  const log = createLog(logLevel(settings['log-level']));
  const hardening = await harden();
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop.abort());
  // With no listener SIGUSR1 would open the inspector on a TCP port that any local user can reach.
  process.on('SIGUSR1', () => log.warn('SIGUSR1 ignored'));

  const home = settings.home ?? '';
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const peers = await createPeerLookup();
  const unix = unixBind(settings, home);
  const tcp = tcpBind(settings);
  let port: number | undefined;
  const weaknesses = [
    ...hardening,
    ...(peers.method === 'sock_diag' ? [] : [`peers are looked up by ${peers.method}`]),
  ];
  await using daemon = await Daemon.start({
    home,
    log,
    peers,
    version: VERSION,
    socketIsPrivate: (unix.mode & 0o077) === 0,
    sessionDir: settings['session-dir'] ?? join(home, 'sessions'),
    ownPorts: () => (port === undefined ? [] : [port]),
    weaknesses,
    requestStop: () => stop.abort(),
  });
  const adapt = new Adapter(
    authenticator({
      tokens: daemon.tokens,
      vaultState: () => daemon.vault.state,
      isOwner: (caller) => daemon.isOwner(caller),
      refused: (caller, method, error) =>
        daemon.audit.record({
          action: 'rpc.refuse',
          outcome: 'denied',
          caller: auditCaller(caller),
          code: error.code,
          message: error.message,
          detail: { method },
        }),
    }),
    log,
  );
  await unlockUnattended(daemon, settings, log);
  await using grpc = await GrpcServer.start({ services: handlers(daemon, adapt), peers, unix, ...(tcp && { tcp }) });
  port = grpc.port;
  daemon.onStateChange(() => grpc.setSessionsHealth(daemon.vault.state === 'unlocked'));
  grpc.setSessionsHealth(daemon.vault.state === 'unlocked');
  log.info('ready', { pid: process.pid, home, socket: unix.path, grpc: grpc.port ?? 'off', vault: daemon.vault.state });
  // The parent that started us in the background waits for this message and for nothing else.
  process.send?.({ type: 'ready', socket: unix.path, port: grpc.port ?? 0 });
  await aborted(stop.signal);
  log.info('stopping');
}

function handlers(daemon: Daemon, adapt: Adapter): ReadonlyMap<string, UntypedServiceImplementation> {
  // The generated handler types have no index signature; grpc-js wants one.
  const untyped = (implementation: object): UntypedServiceImplementation =>
    implementation as UntypedServiceImplementation;
  return new Map([
    ['Vault', untyped(vaultHandlers(daemon, adapt))],
    ['Kinds', untyped(kindsHandlers(daemon, adapt))],
    ['Services', untyped(servicesHandlers(daemon, adapt))],
    ['Sessions', untyped(sessionsHandlers(daemon, adapt))],
    ['Tokens', untyped(tokensHandlers(daemon, adapt))],
    ['Files', untyped(filesHandlers(daemon, adapt))],
    ['Audit', untyped(auditHandlers(daemon, adapt))],
    ['Daemon', untyped(daemonHandlers(daemon, adapt))],
  ]);
}

/** `--password-file`, BROKER_PASSWORD_FILE, `--key-file`, or the systemd credentials `broker.password`, `broker.key`. */
async function unlockUnattended(daemon: Daemon, settings: DaemonSettings, log: Log): Promise<void> {
  const credentials = process.env.CREDENTIALS_DIRECTORY;
  const candidates: readonly ['password' | 'key', string | undefined, boolean][] = [
    ['password', settings['password-file'], true],
    ['key', settings['key-file'], true],
    ['password', credentials && join(credentials, 'broker.password'), false],
    ['key', credentials && join(credentials, 'broker.key'), false],
  ];
  if (daemon.vault.state !== 'locked') return;
  for (const [type, path, required] of candidates) {
    if (!path) continue;
    using secret = readCredential(path, type, required);
    if (!secret) continue;
    await daemon.audited('vault.unlock', INTERNAL, { detail: { with: `${type} file` } }, () =>
      daemon.vault.unlock({ type, secret }, INTERNAL.origin, AbortSignal.timeout(60_000)),
    );
    await daemon.unlocked();
    log.info('unlocked', { with: `${type} file` });
    return;
  }
}

/** A password file's last line end is not part of the password; a key file is taken as it is. */
function readCredential(path: string, type: 'password' | 'key', required: boolean): Secret | undefined {
  try {
    const bytes = readFileSync(path);
    if (type === 'key') return Secret.own(bytes);
    let end = bytes.length;
    while (end > 0 && (bytes[end - 1] === 10 || bytes[end - 1] === 13)) end--;
    const secret = Secret.copy(bytes.subarray(0, end));
    bytes.fill(0);
    return secret;
  } catch (cause) {
    if (!required) return undefined;
    throw new BrokerError('invalid_argument', `cannot read the ${type} file ${path}`, { cause });
  }
}

function unixBind(settings: DaemonSettings, home: string): UnixBind {
  const path = settings.socket ?? join(home, 'broker.sock');
  const group = settings['socket-group'];
  const mode = settings['socket-mode'] ?? (group ? '0660' : '0600');
  if (!/^0?[0-7]{3}$/.test(mode))
    throw new BrokerError('invalid_argument', `--socket-mode ${mode} is not an octal mode such as 0660`);
  return { path, mode: Number.parseInt(mode, 8), ...(group && { gid: groupId(group) }) };
}

function tcpBind(settings: DaemonSettings): TcpBind | undefined {
  const address = settings.grpc ?? 'off';
  if (address === 'off') return undefined;
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (!host || port > 65_535) throw new BrokerError('invalid_argument', `--grpc ${address} is not HOST:PORT`);
  const { 'tls-cert': cert, 'tls-key': key, 'client-ca': clientCa } = settings;
  if ((cert === undefined) !== (key === undefined))
    throw new BrokerError('invalid_argument', '--tls-cert and --tls-key go together');
  if (clientCa && !cert) throw new BrokerError('invalid_argument', '--client-ca needs --tls-cert and --tls-key');
  return { host, port, ...(cert && key && { tls: { cert, key, ...(clientCa && { clientCa }) } }) };
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
