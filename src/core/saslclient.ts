import { TLSSocket } from 'node:tls';
import type { Conn } from './conn.ts';
import { BrokerError } from './errors.ts';
import { type ScramBinding, ScramClient, tlsServerEndPoint } from './sasl.ts';
import type { Secret } from './secret.ts';

/**
 * The client's side of one SASL login (RFC 4422), as mail protocols carry it. Messages are bytes before base64; whoever
 * sends one wipes it. The methods throw BrokerError `upstream_auth` for a server that does not keep to the mechanism.
 */
export interface SaslExchange {
  readonly mechanism: string;
  /** The initial response; undefined where the server speaks first. */
  start(): Buffer | undefined;
  answer(challenge: Buffer, signal: AbortSignal): Promise<Buffer>;
  /** To be called when the server says that the login succeeded: it may still owe a proof. */
  succeeded(): void;
  /** Why the server refuses, where the mechanism has words for it (OAuth's status). */
  readonly reason: string | undefined;
}

/** RFC 4616: authorization identity (none), NUL, user, NUL, password. */
export function saslPlain(user: string, password: Secret): SaslExchange {
  const message = (): Buffer => password.use((bytes) => Buffer.concat([Buffer.from(`\0${user}\0`), bytes]));
  return exchange('PLAIN', message, () => undefined);
}

/** Never standardised (draft-murchison-sasl-login): the server asks for the user, then for the password. */
export function saslLogin(user: string, password: Secret): SaslExchange {
  const answers = [(): Buffer => Buffer.from(user), (): Buffer => password.use((bytes) => Buffer.from(bytes))];
  return exchange(
    'LOGIN',
    () => undefined,
    () => answers.shift()?.(),
  );
}

/** What is sent and received in SCRAM; PLUS is bound to the certificate of the connection. */
export function saslScram(
  mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS',
  user: string,
  password: Secret,
  binding: ScramBinding,
  nonce: Buffer,
): SaslExchange {
  const client = new ScramClient({ hash: 'sha256', binding, user, password, rawFallback: false, nonce });
  let step = 0;
  return {
    mechanism,
    reason: undefined,
    start: () => Buffer.from(client.first()),
    async answer(challenge, signal) {
      step++;
      if (step === 1) return Buffer.from(await client.final(challenge.toString('utf8'), signal));
      if (step > 2) throw unexpected(mechanism);
      client.verify(challenge.toString('utf8'));
      return Buffer.alloc(0);
    },
    succeeded() {
      // Whoever says yes without the server's signature never proved that it knows the password.
      if (step !== 2) throw new BrokerError('upstream_auth', 'the server broke off the SCRAM login half way', AUTH);
    },
  };
}

/**
 * XOAUTH2 (Google, "OAuth 2.0 Mechanism") and OAUTHBEARER (RFC 7628): one message. A server that refuses sends a JSON
 * status as a challenge, which is answered with nothing or with ^A, so that it can say no.
 */
export function saslBearer(mechanism: 'XOAUTH2' | 'OAUTHBEARER', message: () => Buffer): SaslExchange {
  let reason: string | undefined;
  return {
    mechanism,
    get reason() {
      return reason;
    },
    start: message,
    async answer(challenge) {
      if (reason !== undefined) throw unexpected(mechanism);
      reason = statusOf(challenge);
      return mechanism === 'XOAUTH2' ? Buffer.alloc(0) : Buffer.from([1]);
    },
    succeeded() {
      if (reason !== undefined) throw unexpected(mechanism);
    },
  };
}

/** `n,a=user,^Ahost=..^Aport=..^Aauth=Bearer token^A^A` (RFC 7628 §3.1). */
export function oauthBearerMessage(user: string, host: string, port: number, token: Secret): Buffer {
  const name = user.replaceAll('=', '=3D').replaceAll(',', '=2C');
  return token.use((bytes) => {
    const head = Buffer.from(`n,a=${name},\u0001host=${host}\u0001port=${port}\u0001auth=Bearer `);
    return Buffer.concat([head, bytes, Buffer.from([1, 1])]);
  });
}

/** `user=..^Aauth=Bearer token^A^A`. */
export function xoauth2Message(user: string, token: Secret): Buffer {
  return token.use((bytes) =>
    Buffer.concat([Buffer.from(`user=${user}\u0001auth=Bearer `), bytes, Buffer.from([1, 1])]),
  );
}

/** A token goes between ^A's: one with control characters could add fields of its own. @throws `upstream_auth`. */
export function checkToken(token: Secret): void {
  const fine = token.use((bytes) => bytes.length > 0 && bytes.every((byte) => byte > 0x20 && byte < 0x7f));
  if (!fine) throw new BrokerError('upstream_auth', 'the access token holds characters that no token may have', AUTH);
}

/** What SCRAM can say about the channel under `conn`, and whether to ask for the PLUS form. */
export function scramBinding(conn: Conn, offered: ReadonlySet<string>): { binding: ScramBinding; plus: boolean } {
  const certificate = conn.socket instanceof TLSSocket ? conn.socket.getPeerX509Certificate() : undefined;
  const data = certificate && tlsServerEndPoint(certificate.raw);
  if (!data) return { binding: { type: 'none' }, plus: false };
  const plus = offered.has('SCRAM-SHA-256-PLUS');
  return { binding: plus ? { type: 'tls-server-end-point', data } : { type: 'unoffered' }, plus };
}

const AUTH = { hop: 'auth' } as const;

function exchange(mechanism: string, start: () => Buffer | undefined, next: () => Buffer | undefined): SaslExchange {
  return {
    mechanism,
    reason: undefined,
    start,
    async answer() {
      const message = next();
      if (!message) throw unexpected(mechanism);
      return message;
    },
    succeeded: () => undefined,
  };
}

function unexpected(mechanism: string): BrokerError {
  return new BrokerError('upstream_auth', `the server asks for more than the login ${mechanism} has`, AUTH);
}

/** `{"status":"invalid_token",...}`; only what looks like a status is taken over. */
function statusOf(challenge: Buffer): string {
  const status = /"status"\s*:\s*"([\w .-]{1,64})"/.exec(challenge.toString('latin1'))?.[1];
  return status ?? 'no reason given';
}
