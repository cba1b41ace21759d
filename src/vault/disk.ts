import { constants, type FileHandle, link, open, rename, rm } from 'node:fs/promises';

/** Names one state of one file: changes when the file is replaced or written to. */
export type Identity = string;

export interface FileContent {
  readonly bytes: Buffer;
  readonly identity: Identity;
}

/**
 * The operations on the file system that saving is made of, each as small as a crash can separate them. A port, so that
 * tests can pull the plug after any one of them. All reject with Node's own errors (`code` as in errno(3)).
 */
export interface Disk {
  /** A regular file's content; undefined when there is none. Rejects with ERANGE beyond `maxBytes`. */
  read(path: string, maxBytes: number): Promise<FileContent | undefined>;
  identity(path: string): Promise<Identity | undefined>;
  /** A new file, mode 0600, all of it on the disk; rejects with EEXIST when something is there. */
  create(path: string, bytes: Buffer): Promise<void>;
  /** A second name for the file, or where the file system has no such thing, a copy that is on the disk. */
  link(from: string, to: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Without an error when nothing is there. */
  remove(path: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
}

const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES']);
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export const realDisk: Disk = {
  read: (path, maxBytes) =>
    whenPresent(path, async (file) => {
      const { size } = await file.stat();
      if (size > maxBytes) throw Object.assign(new Error('file too large'), { code: 'ERANGE' });
      return { bytes: await file.readFile(), identity: await identityOf(file) };
    }),

  identity: (path) => whenPresent(path, identityOf),

  async create(path, bytes) {
    const file = await open(
      path,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  },

  async link(from, to) {
    try {
      await link(from, to);
    } catch (error) {
      if (!NO_LINKS.has(errnoOf(error))) throw error;
      const content = await realDisk.read(from, Number.MAX_SAFE_INTEGER);
      if (content === undefined) throw error;
      await realDisk.create(to, content.bytes);
    }
  },

  rename,

  remove: (path) => rm(path, { force: true }),

  async syncFolder(path) {
    const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

/** The errno name of a Node error, '' for anything else. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

async function whenPresent<T>(path: string, read: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, READ);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    if (!(await file.stat()).isFile()) throw Object.assign(new Error('not a regular file'), { code: 'EISDIR' });
    return await read(file);
  } finally {
    await file.close();
  }
}

async function identityOf(file: FileHandle): Promise<Identity> {
  const { dev, ino, size, mtimeNs } = await file.stat({ bigint: true });
  return [dev, ino, size, mtimeNs].join(':');
}
