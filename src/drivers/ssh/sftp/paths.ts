import type { SftpPeer } from './peer.ts';
import { isLink, type Packet, pathField, readName, TYPE } from './wire.ts';

/** Bytes of a path (PATH_MAX of Linux). */
const MAX_PATH_BYTES = 4_096;

/** The server's own answer to a check that it did not pass (no such file, permission denied). */
export class PathFailure extends Error {
  readonly reply: Packet;
  /** What the client asked for, without links being followed. */
  readonly path: string;

  constructor(reply: Packet, path: string) {
    super('the server could not resolve the path');
    this.reply = reply;
    this.path = path;
  }
}

/**
 * Finds out what a client's path really is. SFTP has no O_NOFOLLOW: the folder is resolved by the server, then what it
 * names is looked at, and the resolved path is what is used from there on. Whoever else may write in that folder can
 * still put a link there in between (MECHANISMS §5); SECURITY.md says so.
 */
export class RealPaths {
  readonly #peer: SftpPeer;
  #home: Promise<string> | undefined;

  constructor(peer: SftpPeer) {
    this.#peer = peer;
  }

  /**
   * @param follow whether the operation goes through a link at the end of the path.
   * @returns an absolute path without links in it, but for the last name where `follow` is false.
   * @throws PathFailure
   */
  async resolve(path: string, follow: boolean): Promise<string> {
    const whole = await this.absolute(path);
    const at = whole.lastIndexOf('/');
    const name = whole.slice(at + 1);
    if (whole === '/') return whole;
    if (name === '..') return await this.real(whole);
    const folder = await this.real(at === 0 ? '/' : whole.slice(0, at));
    const target = folder === '/' ? `/${name}` : `${folder}/${name}`;
    if (!follow) return target;
    const seen = await this.#peer.ask(TYPE.LSTAT, pathField(target));
    return seen.type === TYPE.ATTRS && isLink(seen.body) ? await this.real(target) : target;
  }

  /** From the root on, without `.` and empty segments: `..` stays, since what it means depends on links. */
  async absolute(path: string): Promise<string> {
    if (path.length > MAX_PATH_BYTES || path.includes('\0')) throw new RangeError('not a path');
    const whole = path.startsWith('/') ? path : `${await this.home()}/${path}`;
    const segments = whole.split('/').filter((segment) => segment !== '' && segment !== '.');
    return `/${segments.join('/')}`;
  }

  /** Where relative paths begin. */
  home(): Promise<string> {
    this.#home ??= this.real('.');
    return this.#home;
  }

  /** The server's own answer, with all links followed. @throws PathFailure */
  async real(path: string): Promise<string> {
    const reply = await this.#peer.ask(TYPE.REALPATH, pathField(path));
    const name = reply.type === TYPE.NAME ? readName(reply.body) : undefined;
    if (name === undefined) throw new PathFailure(reply, path);
    const strange = !name.startsWith('/') || name.split('/').some((segment) => segment === '.' || segment === '..');
    if (strange) throw new PathFailure(reply, path);
    return name.length > 1 ? name.replace(/\/+$/, '') : name;
  }
}
