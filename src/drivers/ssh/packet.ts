import type { Client, ClientChannel, ClientErrorExtensions, ServerChannel, Session } from 'ssh2';
import { sshString, uint32 } from './blob.ts';

/**
 * The one place that touches what ssh2 1.17.0 (pinned, and without a release since 2025) does not make public: messages
 * that it cannot send itself, or not then. Where the internals are not as expected nothing is sent and the caller is told.
 */
interface Internals {
  readonly _packetRW: {
    readonly write: {
      readonly allocStart: number;
      alloc(length: number): Buffer;
      finalize(packet: Buffer): Buffer;
    };
  };
  readonly _cipher: { encrypt(packet: Buffer): void };
  readonly _kexinit: unknown;
  readonly _kex: { readonly sessionID: Buffer };
  readonly _authsQueue: string[];
  _queue: Buffer[] | undefined;
  authPK: (user: string, key: { type: string }, algorithm?: string, sign?: SignStep) => void;
}
type SignStep = (data: Buffer, signed: (signature: Buffer) => void) => void;

/** What the library gives its other channels. */
const AGENT_WINDOW = 2 * 1024 * 1024;
const AGENT_PACKET = 32 * 1024;

/** RFC 4253 §11.1: byte SSH_MSG_DISCONNECT, uint32 reason, string description, string language. */
const DISCONNECT = 1;
const BY_APPLICATION = 11;
const USERAUTH_REQUEST = 50;

/** Says why, in the words that OpenSSH prints: "Received disconnect from ... 11: REASON". */
export function sendDisconnect(connection: unknown, reason: string): boolean {
  return send(connection, [Buffer.from([DISCONNECT]), uint32(BY_APPLICATION), sshString(reason), sshString('')]);
}

/**
 * RFC 4254 §6.9, for a process of a channel. The library sends none once our end of the channel has said EOF, which is
 * when it is wanted most: nobody writes to the process any more.
 */
export function sendSignal(channel: unknown, name: string): boolean {
  const { protocol, id, open } = outgoing(channel);
  const signal = property(protocol, 'signal');
  if (typeof signal !== 'function' || typeof id !== 'number' || !open) return false;
  Reflect.apply(signal, protocol, [id, name]);
  return true;
}

/**
 * A client that has said all its input may still send signals and sizes of its terminal (RFC 4254 §5.3: EOF ends the data
 * only). The library's server drops them from then on.
 */
export function hearAfterEof(session: Session): void {
  session.on('eof', () => Reflect.set(session, '_ending', false));
}

/**
 * Whoever asked for it is gone: what still runs there is told so, as sshd itself would on a terminal, and the channel is
 * closed. What it still sends is read and dropped, or the channel would never count as closed.
 */
export function hangUp(channel: ClientChannel): void {
  sendSignal(channel, 'HUP');
  channel.destroy();
  channel.resume();
  channel.stderr.resume();
}

/** What the library opens its channels with, and takes for granted of each. */
const WINDOW = 2 * 1024 * 1024;
const PACKET = 32 * 1024;

/**
 * Opens a session channel (RFC 4254 §6.1) in which nothing runs yet: the library's own methods start it at once.
 * @throws Error as the library's `exec`: "Not connected".
 */
export function openSession(client: Client, opened: (error: Error | undefined, channel: ClientChannel) => void): void {
  const protocol = property(client, '_protocol');
  const channels = property(client, '_chanMgr');
  const [add, session] = [property(channels, 'add'), property(protocol, 'session')];
  if (typeof add !== 'function' || typeof session !== 'function') throw new Error('another version of ssh2');
  const socket = property(client, '_sock');
  // Where the server has said its last word no answer will come, though our end is open still.
  if (property(socket, 'writable') !== true || property(property(socket, '_readableState'), 'ended') === true)
    throw new Error('Not connected');
  const waiter = Object.assign((error: Error | undefined, channel: ClientChannel) => opened(error, channel), {
    type: 'session',
  });
  const id: unknown = Reflect.apply(add, channels, [waiter]);
  if (id === -1) throw new Error('No free channels available');
  Reflect.apply(session, protocol, [id, WINDOW, PACKET]);
}

/** RFC 4254 §6.5: the command is sent when this returns. Resolves when the server has started it. @throws Refused */
export function requestExec(channel: ClientChannel, command: string): Promise<void> {
  return request(channel, 'exec', [command, true], 'to run it');
}

/** RFC 4254 §6.2. @throws Refused */
export function requestPty(channel: ClientChannel, { rows, columns, type }: Terminal): Promise<void> {
  return request(channel, 'pty', [rows, columns, 0, 0, type, undefined, true], 'to give it a terminal');
}

/** RFC 4254 §6.7. As with signals, the library sends none behind EOF. */
export function sendResize(channel: ClientChannel, rows: number, columns: number): void {
  const { protocol, id, open } = outgoing(channel);
  const change = property(protocol, 'windowChange');
  if (open && typeof change === 'function') Reflect.apply(change, protocol, [id, rows, columns, 0, 0]);
}

/** A terminal that a command is to have. */
export interface Terminal {
  readonly rows: number;
  readonly columns: number;
  readonly type: string;
}

/** The server said no to what was asked of a channel, or closed it before it answered. */
export class Refused extends Error {}

function request(channel: ClientChannel, name: string, args: readonly unknown[], what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const { protocol, id, open } = outgoing(channel);
    const [ask, waiting] = [property(protocol, name), property(channel, '_callbacks')];
    if (typeof ask !== 'function' || !Array.isArray(waiting)) throw new Error('another version of ssh2');
    const refusal = new Refused(`the server refused ${what}`);
    if (!open) throw refusal;
    waiting.push((refused: boolean) => (refused ? reject(refusal) : resolve()));
    Reflect.apply(ask, protocol, [id, ...args]);
  });
}

function outgoing(channel: unknown): { readonly protocol: unknown; readonly id: unknown; readonly open: boolean } {
  const way = property(channel, 'outgoing');
  const state = property(way, 'state');
  const open = state === 'open' || state === 'eof';
  return { protocol: property(property(channel, '_client'), '_protocol'), id: property(way, 'id'), open };
}

/**
 * Makes a client log in with a certificate. ssh2 names the signature as it names the key, where a certificate's
 * signature has the plain key's name (PROTOCOL.certkeys).
 * RFC 4252 §7: byte 50, string user, string service, string "publickey", boolean, string algorithm, string key [, string
 * signature]; signed is string session id followed by all of it but the signature.
 */
export function useCertificate(
  client: object & { on(event: 'error', listener: (error: Error & ClientErrorExtensions) => void): unknown },
  blob: Buffer,
  algorithm: string,
  sign: (data: Buffer) => { readonly algorithm: string; readonly bytes: Buffer },
): boolean {
  const protocol = internals(client);
  if (!protocol) return false;
  protocol.authPK = (user, _key, _algorithm, step) => {
    const request = (signed: boolean): Buffer =>
      Buffer.concat([
        Buffer.from([USERAUTH_REQUEST]),
        ...[user, 'ssh-connection', 'publickey'].map((text) => sshString(text)),
        Buffer.from([signed ? 1 : 0]),
        sshString(algorithm),
        sshString(blob),
      ]);
    protocol._authsQueue.push('publickey');
    if (!step) {
      transmit(protocol, request(false));
      return;
    }
    const body = request(true);
    const made = sign(Buffer.concat([sshString(protocol._kex.sessionID), body]));
    const signature = Buffer.concat([sshString(made.algorithm), sshString(made.bytes)]);
    transmit(protocol, Buffer.concat([body, sshString(signature)]));
  };
  return true;
}

/**
 * Asks a client of our server for a channel to its agent (draft-ietf-sshm-ssh-agent §4.2). The library's protocol knows the
 * message, its server does not.
 * @returns false where nothing was asked; else `opened` is called once.
 */
export function openAgentChannel(
  connection: unknown,
  opened: (error: Error | undefined, channel?: ServerChannel) => void,
): boolean {
  const type = 'auth-agent@openssh.com';
  const protocol = property(connection, '_protocol');
  const manager = property(connection, '_chanMgr');
  const add = property(manager, 'add');
  const ask = property(protocol, 'openssh_authAgent');
  if (typeof add !== 'function' || typeof ask !== 'function') return false;
  const id: unknown = Reflect.apply(add, manager, [Object.assign(opened.bind(undefined), { type })]);
  if (typeof id !== 'number' || id < 0) return false;
  Reflect.apply(ask, protocol, [id, AGENT_WINDOW, AGENT_PACKET]);
  return true;
}

function send(connection: unknown, parts: readonly Buffer[]): boolean {
  const protocol = internals(connection);
  if (!protocol) return false;
  transmit(protocol, Buffer.concat(parts));
  return true;
}

function transmit(protocol: Internals, payload: Buffer): void {
  const { write } = protocol._packetRW;
  const packet = write.alloc(payload.length);
  packet.set(payload, write.allocStart);
  const sealed = write.finalize(packet);
  // During a key exchange nothing else may be sent (RFC 4253 §7.1): the library sends its queue behind it.
  if (protocol._kexinit !== undefined) protocol._queue = [...(protocol._queue ?? []), sealed];
  else protocol._cipher.encrypt(sealed);
}

function internals(connection: unknown): Internals | undefined {
  const protocol = property(connection, '_protocol');
  const write = property(property(protocol, '_packetRW'), 'write');
  const usable =
    typeof property(write, 'alloc') === 'function' &&
    typeof property(write, 'finalize') === 'function' &&
    typeof property(property(protocol, '_cipher'), 'encrypt') === 'function' &&
    Array.isArray(property(protocol, '_authsQueue')) &&
    typeof property(protocol, 'authPK') === 'function';
  return usable ? (protocol as Internals) : undefined;
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
