import { dirname, join } from 'node:path';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { BrokerError } from '../core/errors.ts';
import type { KdfParams } from '../vault/kdf.ts';
import { httpBind, onOrOff, tcpBind, unixBind } from './binds.ts';
import { auditCaller } from './caller.ts';
import { Daemon } from './daemon.ts';
import { Adapter } from './grpc/adapt.ts';
import { auditHandlers } from './grpc/audit.ts';
import { authenticator } from './grpc/authenticate.ts';
import { daemonHandlers } from './grpc/daemon.ts';
import { filesHandlers } from './grpc/files.ts';
import { httpHandlers } from './grpc/http.ts';
import { kindsHandlers } from './grpc/kinds.ts';
import { oauthHandlers } from './grpc/oauth.ts';
import { presetsHandlers } from './grpc/presets.ts';
import { proveConnections } from './grpc/selfcheck.ts';
import { GrpcServer } from './grpc/server.ts';
import { servicesHandlers } from './grpc/services.ts';
import { sessionsHandlers } from './grpc/sessions.ts';
import { sshHandlers } from './grpc/ssh.ts';
import { tokensHandlers } from './grpc/tokens.ts';
import { vaultHandlers } from './grpc/vault.ts';
import { HttpListener } from './http/listener.ts';
import type { OwnPorts } from './http/ports.ts';
import { secondThread, threadMode } from './http/second.ts';
import { httpSide, ownPorts } from './http/site.ts';
import { errorFields, type Log } from './log.ts';
import { createPeerLookup } from './peer/lookup.ts';
import type { DaemonSettings } from './settings.ts';
import { unlockUnattended } from './unattended.ts';
import { VERSION } from './version.ts';

export interface InstanceOptions {
  readonly settings: DaemonSettings;
  /** Where systemd's CREDENTIALS_DIRECTORY is looked for. */
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  /** Called when a client asks the daemon to stop; whoever started it then disposes it. */
  readonly requestStop: () => void;
  /** What is weaker than it could be, found before the start. */
  readonly weaknesses?: readonly string[];
  /** What runs in the second thread. Tests run from source, as no thread can with Node 20, and name what was built of it. */
  readonly threadFile?: URL;
  /** Cost of new passwords; tests make it cheap. */
  readonly kdf?: KdfParams;
}

/** A daemon that listens. Disposing it ends its sessions in their protocols' words, then its calls, then locks the vault. */
export interface Instance extends AsyncDisposable {
  readonly daemon: Daemon;
  /** Path of the control socket. */
  readonly socket: string;
  /** TCP port of the control API; undefined when it is off. */
  readonly port: number | undefined;
  /** TCP port of the HTTP side; undefined when it is off, or on a unix socket. */
  readonly httpPort: number | undefined;
}

/**
 * Starts a daemon in this process; it touches nothing of the process itself (signals, limits, exit).
 * @throws BrokerError `conflict` when the home or an address is taken, `invalid_argument` for a bad setting, `corrupt`.
 */
export async function startInstance(options: InstanceOptions): Promise<Instance> {
  const { settings, env, log } = options;
  const { home } = settings;
  const unix = unixBind(settings, home);
  const tcp = tcpBind(settings);
  const web = httpBind(settings, home);
  const peers = await createPeerLookup();
  const weaknesses = [
    ...(options.weaknesses ?? []),
    ...(peers.method === 'sock_diag' ? [] : [`peers are looked up by ${peers.method}`]),
    ...((await proveConnections())
      ? []
      : ['the gRPC library does not tell which connection a call came over: nobody has a uid, sessions need tickets']),
  ];
  const stopping = new AbortController();
  const ports: number[] = [];
  let own: OwnPorts | undefined;
  const report = (error: unknown, doing: string): void => log.warn(`failed at ${doing}`, errorFields(error));
  const second = secondThread(threadMode(settings), () => daemon.proxy.underWay, report, options.threadFile);
  const daemon = await Daemon.start({
    home,
    log,
    peers,
    version: VERSION,
    socketIsPrivate: (unix.mode & 0o077) === 0,
    sessionDir: settings['session-dir'] ?? join(home, 'sessions'),
    socketDir: dirname(unix.path),
    ownPorts: () => [...ports, ...(own?.ports ?? [])],
    second,
    weaknesses,
    requestStop: options.requestStop,
    ...(options.kdf && { kdf: options.kdf }),
  });
  let http: HttpListener | undefined;
  try {
    await unlockUnattended(daemon, settings, env, log);
    const adapt = new Adapter(authenticatorOf(daemon), log, stopping.signal, (method, code) =>
      daemon.metrics.rpc(method, code),
    );
    const services = handlers(daemon, adapt);
    http =
      web &&
      (await HttpListener.start({
        bind: web,
        peers,
        requests: httpSide({ daemon, log, services, openMetrics: onOrOff(settings, 'open-metrics') }),
      }));
    const httpPort = http?.port;
    daemon.httpAddress = http?.address;
    own = await ownPorts({ daemon, log }, peers);
    const grpc = await GrpcServer.start({ services, peers, unix, ...(tcp && { tcp }) });
    const { port } = grpc;
    ports.push(...[port, httpPort].filter((each) => each !== undefined));
    daemon.onStateChange(() => grpc.setSessionsHealth(daemon.vault.state === 'unlocked'));
    grpc.setSessionsHealth(daemon.vault.state === 'unlocked');
    const end = async (): Promise<void> => {
      await using _second = second;
      await using _daemon = daemon;
      await using _http = http;
      await using _own = own;
      await using _grpc = grpc;
      grpc.stopListening();
      http?.stopListening();
      // What clients hold ends in its own words before the calls that watch it are broken off.
      await daemon.end();
      stopping.abort(new BrokerError('unavailable', 'broker is stopping'));
    };
    let ending: Promise<void> | undefined;
    const dispose = (): Promise<void> => {
      ending ??= end();
      return ending;
    };
    return { daemon, socket: unix.path, port, httpPort, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await own?.[Symbol.asyncDispose]();
    await http?.[Symbol.asyncDispose]();
    await daemon[Symbol.asyncDispose]();
    throw error;
  }
}

function authenticatorOf(daemon: Daemon): ReturnType<typeof authenticator> {
  return authenticator({
    tokens: daemon.tokens,
    vaultState: () => daemon.vault.state,
    isOwner: (caller) => daemon.isOwner(caller),
    refused: (caller, method, { code, message }) =>
      daemon.audit.record({
        action: 'rpc.refuse',
        outcome: 'denied',
        caller: auditCaller(caller),
        code,
        message,
        detail: { method },
      }),
  });
}

function handlers(daemon: Daemon, adapt: Adapter): ReadonlyMap<string, UntypedServiceImplementation> {
  // The generated handler types have no index signature; grpc-js wants one.
  const untyped = (implementation: object): UntypedServiceImplementation =>
    implementation as UntypedServiceImplementation;
  return new Map([
    ['Vault', untyped(vaultHandlers(daemon, adapt))],
    ['Kinds', untyped(kindsHandlers(daemon, adapt))],
    ['Presets', untyped(presetsHandlers(daemon, adapt))],
    ['Services', untyped(servicesHandlers(daemon, adapt))],
    ['Sessions', untyped(sessionsHandlers(daemon, adapt))],
    ['Http', untyped(httpHandlers(daemon, adapt))],
    ['Ssh', untyped(sshHandlers(daemon, adapt))],
    ['Tokens', untyped(tokensHandlers(daemon, adapt))],
    ['Files', untyped(filesHandlers(daemon, adapt))],
    ['OAuth', untyped(oauthHandlers(daemon, adapt))],
    ['Audit', untyped(auditHandlers(daemon, adapt))],
    ['Daemon', untyped(daemonHandlers(daemon, adapt))],
  ]);
}
