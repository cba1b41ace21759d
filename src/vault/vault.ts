import { resolve } from 'node:path';
import { BrokerError, throwIfAborted } from '../core/errors.ts';
import type { Grant } from '../core/grant.ts';
import type { Secret } from '../core/secret.ts';
import { Attempts } from './attempts.ts';
import { checkBackup } from './backup.ts';
import { Contents } from './contents.ts';
import { type Disk, realDisk } from './disk.ts';
import { VaultFile } from './file.ts';
import { corrupt, decodeImage } from './format.ts';
import { ensureHome } from './home.ts';
import { DEFAULT_KDF, type KdfParams, type Stretch } from './kdf.ts';
import { type HomeLock, lockHome } from './lock.ts';
import { Queue } from './queue.ts';
import { type Change, type Collection, ownedChanges, type StoredRecord } from './record.ts';
import { type Found, searched, type Wanted } from './search.ts';
import { type Credential, checkNewKey, checkNewPassword, NewPassword } from './slot.ts';
import { lockedMeanwhile, noVault, Store, type VaultState } from './store.ts';

export type { Change, Collection, StoredRecord } from './record.ts';
export type { Credential } from './slot.ts';
export type { VaultState } from './store.ts';

export interface VaultOptions {
  /** Whether a grant is one of the gate's own and still active (GrantAuthority.vouches). */
  readonly vouches: (grant: Grant) => boolean;
  /** Epoch ms. */
  readonly now?: () => number;
  /** Cost of new password slots. Tests make it cheap. */
  readonly kdf?: KdfParams;
  readonly disk?: Disk;
  /** The caller whose wait after wrong passwords stays short; by default the daemon's own uid. */
  readonly owner?: string;
}

export interface SlotInfo {
  readonly index: number;
  readonly type: Credential['type'];
  readonly label: string;
  readonly createdAt: number; // epoch ms
}

/**
 * The encrypted record store of one broker home. It knows nothing of services or tokens. What it holds in memory is
 * always what the disk holds: a change is made on the disk first. Secrets stay sealed in memory and leave only by
 * `reveal`, against a grant.
 */
export class Vault implements AsyncDisposable {
  readonly #file: VaultFile;
  readonly #store: Store;
  readonly #homeLock: HomeLock;
  readonly #vouches: (grant: Grant) => boolean;
  readonly #now: () => number;
  readonly #kdf: KdfParams;
  readonly #attempts: Attempts;
  readonly #queue = new Queue();
  #closing: Promise<void> | undefined;

  private constructor(home: string, homeLock: HomeLock, options: VaultOptions) {
    this.#file = new VaultFile(home, options.disk ?? realDisk);
    this.#store = new Store(this.#file);
    this.#homeLock = homeLock;
    this.#vouches = options.vouches;
    this.#now = options.now ?? Date.now;
    this.#kdf = options.kdf ?? DEFAULT_KDF;
    this.#attempts = new Attempts(options.owner ?? `uid:${process.getuid?.() ?? 0}`, this.#now);
  }

  /**
   * Opens the vault of `home` (created 0700 if missing), `absent` or `locked`, and takes the home's process lock.
   * A damaged file does not fail this: see `damage`, so that a daemon can start and be told to restore.
   * @throws BrokerError `conflict` when another process uses the home, or other users can enter it.
   */
  static async open(home: string, options: VaultOptions): Promise<Vault> {
    const folder = resolve(home);
    await ensureHome(folder);
    const homeLock = await lockHome(folder);
    try {
      const vault = new Vault(folder, homeLock, options);
      await vault.#store.survey();
      return vault;
    } catch (error) {
      await homeLock[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `absent` means no vault and no trace of one. A damaged or missing one counts as `locked`. */
  get state(): VaultState {
    return this.#store.state;
  }

  /** Number of the last save; 0 when there is no readable vault. */
  get generation(): number {
    return this.#store.header?.generation ?? 0;
  }

  /** What is wrong with the file, as last read; undefined when nothing is. */
  get damage(): BrokerError | undefined {
    return this.#store.damage;
  }

  /**
   * Makes a new vault and leaves it unlocked.
   * @throws BrokerError `conflict` when there is one or any trace of one; `invalid_argument` for a short password.
   */
  async initialize(password: Secret, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    checkNewPassword(password);
    await this.#alone('password', NOBODY, async (stretch) => {
      const { locks } = this.#store;
      await this.#file.checkNone();
      using stretched = await NewPassword.stretched(password, this.#kdf, stretch);
      throwIfAborted(signal);
      await this.#inTurn(async () => {
        const contents = Contents.empty(stretched, this.#now());
        try {
          await this.#file.create(contents.encrypt());
        } catch (error) {
          contents.keys[Symbol.dispose]();
          await this.#store.survey();
          throw error;
        }
        this.#store.enter(contents, locks);
      });
    });
  }

  /**
   * Unlocks the vault. On an unlocked one the credential is checked all the same.
   * @param caller whose failures count: `uid:1000`, `tcp:127.0.0.1`
   * @throws BrokerError `denied` for a wrong credential, `exhausted` while the caller has to wait or another password is
   * being checked, `corrupt` or `conflict` for a file that is no whole vault of this version, `locked` when there is none.
   */
  async unlock(credential: Credential, caller: string, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    await this.#alone(credential.type, caller, async (stretch) => {
      const { locks } = this.#store;
      const from = this.#store.contents ?? (await this.#inTurn(() => this.#store.load()));
      if (from === undefined) throw noVault();
      const dataKey = await this.#attempts.open(from.header, credential, caller, stretch);
      // A key may have unlocked it while the password was checked, and it has moved on since: it stays as it is.
      if (signal.aborted || from instanceof Contents || this.#store.contents !== undefined) {
        dataKey[Symbol.dispose]();
        throwIfAborted(signal);
        if (locks !== this.#store.locks) throw lockedMeanwhile();
        return;
      }
      this.#store.enter(this.#store.decrypt(from, dataKey), locks);
    });
  }

  /**
   * Checks a credential of the unlocked vault, for elevation. Same waits as `unlock`.
   * @throws BrokerError `locked`, `denied`, `exhausted`
   */
  async verify(credential: Credential, caller: string, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    this.#store.unlocked();
    await this.#alone(credential.type, caller, async (stretch) => {
      await this.#prove(this.#store.unlocked(), credential, caller, stretch);
      throwIfAborted(signal);
    });
  }

  /** Wipes keys and forgets all records at once, then tells the subscribers. Does nothing more on a locked vault. */
  lock(): void {
    this.#store.lock();
  }

  /** Calls `listener` after each lock, in the same turn. @returns the function that ends this. */
  onLock(listener: () => void): () => void {
    return this.#store.onLock(listener);
  }

  /**
   * Changes the master password; `.bak` then opens with the new one only, too. With `rekey` all is encrypted anew under
   * another data key, and `deriveKey` gives other keys from then on.
   * @throws BrokerError `locked`, `denied`, `exhausted`, `invalid_argument`; `conflict` for a rekey beside key slots.
   */
  async changePassword(
    old: Secret,
    next: Secret,
    options: { readonly rekey: boolean },
    caller: string,
    signal: AbortSignal,
  ): Promise<void> {
    throwIfAborted(signal);
    this.#store.unlocked();
    checkNewPassword(next);
    await this.#alone('password', caller, async (stretch) => {
      await this.#prove(this.#store.unlocked(), { type: 'password', secret: old }, caller, stretch);
      using stretched = await NewPassword.stretched(next, this.#kdf, stretch);
      throwIfAborted(signal);
      await this.#inTurn(async () => {
        const contents = this.#store.unlocked();
        const at = this.#now();
        const next = options.rekey ? contents.rekeyed(stretched, at) : contents.withPassword(stretched, at);
        await this.#store.commit(next, 'same');
      });
    });
  }

  /** Lets a key file or systemd credential open the vault, too. @throws BrokerError `locked`, `already_exists`, `invalid_argument` */
  async addSlot(key: Extract<Credential, { type: 'key' }>, label: string): Promise<void> {
    checkNewKey(key.secret, label);
    await this.#inTurn(() =>
      this.#store.commit(this.#store.unlocked().withKeySlot(key.secret, label, this.#now()), 'previous'),
    );
  }

  /** Ends what a key opens, in `.bak` too. @throws BrokerError `locked`, `not_found`; `invalid_argument` for the password's. */
  async removeSlot(label: string): Promise<void> {
    await this.#inTurn(() => this.#store.commit(this.#store.unlocked().withoutSlot(label), 'same'));
  }

  /** What opens the vault; also while it is locked. */
  slots(): SlotInfo[] {
    const slots = this.#store.header?.slots ?? [];
    return slots.map(({ type, label, createdAt }, index) => ({ index, type, label, createdAt }));
  }

  /** The encrypted file's bytes, of one generation. @throws BrokerError `not_found` without a vault, `corrupt` for a damaged one. */
  async backup(): Promise<Buffer> {
    const bytes = await this.#inTurn(() => this.#file.copy());
    if (bytes === undefined) {
      if (this.state === 'absent') throw new BrokerError('not_found', 'there is no vault to back up');
      throw this.damage ?? corrupt('is missing');
    }
    decodeImage(bytes);
    return bytes;
  }

  /**
   * Replaces the vault by a backup, byte for byte, once `password` opens all of it; what was there stays as `.bak`. The
   * vault is locked afterwards: its records are other ones, and its generation may be a lower one.
   * @throws BrokerError `denied` when the password does not open the backup, `corrupt` or `conflict` for no whole backup.
   */
  async restore(bytes: Uint8Array, password: Secret, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const copy = Buffer.from(bytes);
    const credential = { type: 'password', secret: password } as const;
    await this.#alone('password', NOBODY, async (stretch) => {
      const { header } = await checkBackup(copy, credential, stretch);
      throwIfAborted(signal);
      await this.#inTurn(() => this.#store.replace(copy, header));
    });
  }

  /** undefined when there is none. @throws BrokerError `locked` */
  get(collection: Collection, name: string): StoredRecord | undefined {
    return this.#store.unlocked().records.get(collection, name);
  }

  /** Sorted by name. @throws BrokerError `locked` */
  list(collection: Collection): StoredRecord[] {
    return this.#store.unlocked().records.list(collection);
  }

  /**
   * Makes all of `changes`, in order, or none. Resolves once they are on the disk; only then does memory have them.
   * The Secrets in it stay the caller's and may be disposed once this has returned its promise.
   * @returns the records that the puts wrote, in their order.
   * @throws BrokerError `locked`, `invalid_argument`, `conflict` (ifRevision), `not_found` (delete, 'keep'), `too_large`,
   * `internal` when the disk refuses.
   */
  async write(changes: readonly Change[], signal?: AbortSignal): Promise<readonly StoredRecord[]> {
    this.#store.unlocked();
    using owned = ownedChanges(changes);
    return await this.#inTurn(async () => {
      if (signal !== undefined) throwIfAborted(signal);
      const contents = this.#store.unlocked();
      if (owned.changes.length === 0) return [];
      const { next, written } = contents.changed(owned.changes, this.#now());
      await this.#store.commit(next, 'previous');
      return written;
    });
  }

  /**
   * The only way to a secret: one of the record that `grant` is for. The caller disposes it.
   * @throws BrokerError `locked`; `denied` for a grant that is not the gate's or has ended; `not_found` when it is not set.
   */
  reveal(grant: Grant, secretName: string): Secret {
    const { records, keys } = this.#store.unlocked();
    if (!grant.active || !this.#vouches(grant)) {
      throw new BrokerError('denied', "this grant does not open secrets: it has ended or is not the gate's");
    }
    return records.reveal(keys.secrets, grant.subject.collection, grant.subject.name, secretName);
  }

  /** What of `wanted` is a stored secret; none is revealed. @throws BrokerError `locked` */
  search(wanted: Wanted): Found {
    const { records, keys } = this.#store.unlocked();
    return searched(records.secrets(keys.secrets), wanted);
  }

  /** A key of 256 bits for `label`, of this vault's data key; the caller disposes it. @throws BrokerError `locked` */
  deriveKey(label: string): Secret {
    return this.#store.unlocked().keys.derived(label);
  }

  /** Locks, lets the save under way finish, and gives the home free. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    try {
      this.lock();
    } finally {
      await this.#queue.drained();
      await this.#homeLock[Symbol.asyncDispose]();
    }
  }

  /** Password work: one piece at a time, and never in the way of the writes. */
  #alone<T>(type: Credential['type'], caller: string, work: (stretch: Stretch) => Promise<T>): Promise<T> {
    return this.#attempts.alone(type, caller, work);
  }

  /** What reads or changes the file: one after the other. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#queue.run(() => {
      // Another process may own the home by now.
      if (this.#closing !== undefined) throw new BrokerError('unavailable', 'the vault is closed');
      return work();
    });
  }

  /** @throws BrokerError `denied` when `credential` does not open the unlocked vault. */
  async #prove(contents: Contents, credential: Credential, caller: string, stretch: Stretch): Promise<void> {
    const dataKey = await this.#attempts.open(contents.header, credential, caller, stretch);
    dataKey[Symbol.dispose]();
  }
}

/** The caller of work that tells nothing about the vault's own password, and so counts for nobody. */
const NOBODY = '';
