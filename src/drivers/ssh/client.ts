import type { Duplex } from 'node:stream';
import type { Client, ConnectConfig } from 'ssh2';
import type { DriverIo } from '../../core/driver.ts';
import { BrokerError, throwIfAborted, toBrokerError } from '../../core/errors.ts';
import { type BorrowedAgent, borrowedAgent } from './agent.ts';
import { parseCertificate } from './certificate.ts';
import { bareHost, describe, pinsOf, type SshConfig } from './config.ts';
import { authFailure, hostKeyRefusal, transportFailure } from './failure.ts';
import { gatherWrites } from './gather.ts';
import { fingerprint, hostKeyAlgorithms, isTrusted, type Pins } from './hostkey.ts';
import { KeyProblem, parsePrivateKey } from './keys.ts';
import { ALGORITHMS, library } from './library.ts';
import { useCertificate } from './packet.ts';
import { agentOf, signAs } from './signer.ts';

/** A logged-in connection. */
export interface SshLogin {
  readonly client: Client;
  readonly socket: Duplex;
  /** What the server finds when it asks for an agent. */
  readonly agent: BorrowedAgent;
}

type Method = 'publickey' | 'password' | 'keyboard-interactive';
type Next = NonNullable<Exclude<ConnectConfig['authHandler'], readonly unknown[] | undefined>>;

/**
 * Dials, exchanges keys with the pinned server, logs in. Nothing of the credential is sent before the server has proven
 * that it holds the pinned key, and nothing at all where no key is pinned.
 * @throws BrokerError `upstream_*` with its hop; no socket is left then.
 */
export async function login(config: SshConfig, io: DriverIo, signal: AbortSignal): Promise<SshLogin> {
  const credentials = credentialsOf(config);
  const pins = pinsOf(config);
  const dialed = await io.dial({ host: bareHost(config.host), port: config.port }, signal);
  const socket = gatherWrites(dialed.conn.detach().socket);
  const client = new (library().Client)();
  const agent = borrowedAgent();
  try {
    const used = await authenticate(client, socket, config, pins, credentials, agent, io, signal);
    io.passed('auth', used);
    return { client, socket, agent };
  } catch (thrown) {
    socket.on('error', () => undefined);
    socket.destroy();
    throwIfAborted(signal);
    throw named(thrown, config);
  }
}

type Credentials = ReturnType<typeof credentialsOf>;

/** Reads what is stored, before anything is dialled. */
function credentialsOf(config: SshConfig) {
  try {
    const key = config.private_key && parsePrivateKey(config.private_key, config.passphrase);
    const certificate = config.certificate === undefined ? undefined : parseCertificate(config.certificate);
    return { key, certificate };
  } catch (error) {
    if (!(error instanceof KeyProblem)) throw error;
    throw new BrokerError('invalid_argument', error.message, {
      hop: 'config',
      hint: 'store it again: broker service set {service} --private-key-file FILE',
    });
  }
}

function authenticate(
  client: Client,
  socket: Duplex,
  config: SshConfig,
  pins: Pins | undefined,
  { key, certificate }: Credentials,
  borrowed: BorrowedAgent,
  io: DriverIo,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let refusal: BrokerError | undefined;
    const tried: Method[] = [];
    const fail = (error: unknown): void => {
      settle();
      reject(refusal ?? error);
    };
    const abort = (): void => fail(toBrokerError(signal.reason));
    const ready = (): void => {
      settle();
      resolve(tried.at(-1) ?? 'none');
    };
    const failed = (error: Error): void => fail(transportFailure(error, tried, config));
    const closed = (): void =>
      fail(new BrokerError('upstream_protocol', 'the server closed the connection during the login'));
    const settle = (): void => {
      signal.removeEventListener('abort', abort);
      client.off('ready', ready).off('close', closed).off('error', failed);
      // What comes later is for whoever uses the connection; an error without a listener would end the daemon.
      client.on('error', () => undefined);
    };
    signal.addEventListener('abort', abort, { once: true });
    client.on('ready', ready).on('close', closed).on('error', failed);
    // A server that wants a new password first gets none.
    client.on('change password', () => {
      refusal = new BrokerError('upstream_auth', 'the server wants the password to be changed first', { hop: 'auth' });
      socket.destroy();
    });

    const waiting: Method[] = [];
    if (key) waiting.push('publickey');
    if (config.password) waiting.push('password', 'keyboard-interactive');
    const username = config.user;
    const next: Next = (left, partial, give) => {
      const offered: readonly string[] | null = left;
      const method = waiting.find((wanted) => offered === null || offered.includes(wanted));
      if (!method) {
        refusal ??= authFailure(config, tried, offered, partial === true);
        // The library's types know no `false`, which ends the attempt.
        give(false as never);
        return;
      }
      waiting.splice(waiting.indexOf(method), 1);
      tried.push(method);
      if (method === 'publickey' && key) {
        give({ type: 'agent', username, agent: agentOf(key) });
      } else if (method === 'password') {
        give({ type: 'password', username, password: config.password?.use((bytes) => bytes.toString('utf8')) ?? '' });
      } else {
        // The password answers the one question that hides what is typed; any other question is not ours to answer.
        let asked = 0;
        const prompt = (
          _name: string,
          _instructions: string,
          _language: string,
          prompts: readonly { readonly echo?: boolean }[],
          finish: (answers: string[]) => void,
        ): void => {
          const answerable = prompts.length === 1 && prompts[0]?.echo !== true && asked++ === 0;
          const answer = answerable ? config.password?.use((bytes) => bytes.toString('utf8')) : undefined;
          finish(answer === undefined ? prompts.map(() => '') : [answer]);
        };
        give({ type: 'keyboard-interactive', username, prompt });
      }
    };
    try {
      client.connect({
        sock: socket as never,
        username,
        authHandler: next,
        // Not for the login, in which `next` alone decides.
        agent: borrowed.agent,
        // The caller's signal is the one deadline.
        readyTimeout: 0,
        keepaliveInterval: 0,
        algorithms: {
          ...ALGORITHMS,
          serverHostKey: pins ? hostKeyAlgorithms(pins) : undefined,
        } as never,
        hostVerifier: (blob: Buffer) => {
          if (pins && isTrusted(pins, blob)) {
            io.passed('tls', `host key ${fingerprint(blob)}`);
            return true;
          }
          refusal = hostKeyRefusal(config, pins, blob);
          return false;
        },
      });
      if (key && certificate) {
        const rsa = certificate.plainType === 'ssh-rsa';
        const algorithm = rsa ? 'rsa-sha2-512-cert-v01@openssh.com' : certificate.type;
        if (!useCertificate(client, certificate.blob, algorithm, (data) => signAs(key, data)))
          throw new BrokerError('internal', 'this version of ssh2 cannot log in with a certificate');
      }
    } catch (error) {
      fail(error);
    }
  });
}

/** "the server ..." says which server. */
function named(thrown: unknown, config: SshConfig): BrokerError {
  const error = toBrokerError(thrown);
  if (!error.code.startsWith('upstream_')) return error;
  return new BrokerError(error.code, error.message.replace(/^the server /, `${describe(config)} `), {
    hop: error.hop ?? 'auth',
    cause: error.cause,
    ...(error.hint && { hint: error.hint }),
  });
}
