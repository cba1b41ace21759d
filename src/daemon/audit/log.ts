import type { AuditCaller, AuditEvent, AuditSink } from '../../core/audit.ts';
import type { BrokerError } from '../../core/errors.ts';
import { toBrokerError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Secret } from '../../core/secret.ts';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import { Chain, type ChainOptions } from './chain.ts';
import { linesOf } from './files.ts';
import { type Head, isGenuine, parseMark, readHead, writeHead } from './head.ts';
import { type ChainedRecord, type Mark, parseLine, seqOf } from './line.ts';
import { type AuditFilter, query } from './query.ts';
import { ACKNOWLEDGE, type Flaw, TAMPERED, type Witness, walk } from './verify.ts';

/** What the log needs of the vault: a key to seal with, and a place that an attacker on the disk cannot write to. */
export interface AuditVault {
  readonly state: 'absent' | 'locked' | 'unlocked';
  /** @throws BrokerError `locked`. */
  deriveKey(label: string): Secret;
  get(collection: 'state', name: string): { readonly fields: JsonObject } | undefined;
  write(changes: readonly { type: 'put'; collection: 'state'; name: string; fields: JsonObject }[]): Promise<unknown>;
  onLock(fn: () => void): unknown;
}

export interface AuditOptions extends ChainOptions {
  readonly vault: AuditVault;
  /** Told of failures that are nobody's call: sealing and anchoring in the background. */
  readonly report?: (error: BrokerError) => void;
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly records: number;
  readonly lastSeq: number;
  readonly flaw: Flaw | undefined;
  /** The flaw as a sentence, `audit.log line 17: record 117 was changed`; empty when ok. */
  readonly problem: string;
  /** Records at the end that no sealed head covers yet. */
  readonly unsealed: number;
  /** Whether the head's MAC could be checked: the vault is unlocked. */
  readonly headChecked: boolean;
  /** Ends of writes broken off by a crash, set aside in audit.torn.* files. */
  readonly repairs: number;
}

/** Age of the head at most, while the vault is unlocked (MECHANISMS §7). */
const SEAL_MS = 5_000;
const KEY_LABEL = 'audit head';
const ANCHOR = 'audit';

/**
 * The audit log. Records are chained and synced by `Chain`; while the vault is unlocked its end is sealed with a key of the
 * vault, and anchored in the vault itself, so that an older copy of log and head put back together shows too.
 */
export class AuditLog implements AuditSink, AsyncDisposable {
  readonly #chain: Chain;
  readonly #vault: AuditVault;
  readonly #clock: Clock;
  readonly #report: (error: BrokerError) => void;
  /** Since the last unlock the log was held against what vouches for it: only then is it sealed. */
  #checked = false;
  /** The head that this process wrote; whatever else is on disk later is somebody else's. */
  #head: Head | undefined;
  #sealTimer: Timer | undefined;
  #rotations = 0;
  #observe: (event: AuditEvent) => void = () => undefined;

  private constructor(chain: Chain, options: AuditOptions) {
    this.#chain = chain;
    this.#vault = options.vault;
    this.#clock = options.clock ?? systemClock;
    this.#report = options.report ?? (() => undefined);
    chain.watch(() => this.#afterWrite());
    options.vault.onLock(() => this.#stopSealing());
  }

  /** Opens the log; needs no unlocked vault. @throws as Chain.open. */
  static async open(options: AuditOptions): Promise<AuditLog> {
    return new AuditLog(await Chain.open(options), options);
  }

  /** Tells `listener` of every event that is to be recorded, before it is. */
  observe(listener: (event: AuditEvent) => void): void {
    this.#observe = listener;
  }

  /** Resolves once the record is on disk. @throws BrokerError `unavailable`, `corrupt`: then do not do it. */
  record(event: AuditEvent): Promise<void> {
    this.#observe(event);
    return this.#chain.append(event, true);
  }

  /** Resolves once the record is in the file; it is on disk within 100 ms. @throws as `record`. */
  write(event: AuditEvent): Promise<void> {
    this.#observe(event);
    return this.#chain.append(event, false);
  }

  /** False while the last attempt to write failed. */
  get healthy(): boolean {
    return this.#chain.problem === undefined;
  }

  /** Records at the end that no head of this process covers yet. */
  get unsealed(): number {
    return this.#chain.last.seq - (this.#head?.seq ?? 0);
  }

  get problem(): BrokerError | undefined {
    return this.#chain.problem;
  }

  /**
   * After each unlock: compares the log with its head and with the vault's anchor, records what does not fit
   * (`audit.tampered`; verify reports it from then on), and seals.
   */
  async unlocked(): Promise<void> {
    for (const message of await this.#findings()) {
      const caller = { transport: 'internal' } as const;
      await this.record({ action: TAMPERED, outcome: 'failed', caller, code: 'corrupt', message });
    }
    this.#checked = true;
    await this.seal();
  }

  /**
   * Seals the end of the log, and anchors it in the vault. To be called before a lock, at exit, and after the vault's data key
   * was replaced; else it runs by itself. Does nothing while the vault is locked.
   */
  async seal(): Promise<void> {
    await this.#sealHead();
    if (!this.#checked) return;
    const { seq, hash } = this.#chain.last;
    await this.#vault.write([{ type: 'put', collection: 'state', name: ANCHOR, fields: { seq, hash } }]);
  }

  /** Walks the whole chain, and holds it against all that vouch for it. */
  async verify(): Promise<VerifyReport> {
    // Before the snapshot, which then has everything that they know of.
    const found = await readHead(this.#chain.folder);
    const head = typeof found === 'string' ? undefined : found;
    const anchor = this.#anchor();
    await using files = await this.#chain.snapshot();
    const witnesses: Witness[] = [{ mark: files.last, by: 'the running daemon' }];
    if (head) witnesses.push({ mark: head, by: 'audit.head' });
    if (anchor) witnesses.push({ mark: anchor, by: 'the vault' });
    const { records, last, repairs, flaw: inLog } = await walk(files.files, witnesses);
    const flaw = inLog ?? this.#headFlaw(found, anchor);
    return {
      ok: flaw === undefined,
      records,
      lastSeq: last.seq,
      flaw,
      problem: flaw ? sentence(flaw) : '',
      unsealed: Math.max(0, last.seq - (head?.seq ?? 0)),
      headChecked: this.#vault.state === 'unlocked',
      repairs,
    };
  }

  /**
   * An admin has looked into what `unlocked` noted (a restored home, a log taken away): verify reports it no longer. What is
   * wrong with the chain as it stands is reported all the same.
   * @param through the record up to which; a note that comes later is reported again.
   */
  acknowledge(caller: AuditCaller, through: number, reason: string): Promise<void> {
    return this.record({ action: ACKNOWLEDGE, outcome: 'ok', caller, reason, detail: { through } });
  }

  /** Records in order; see AuditFilter. */
  query(filter: AuditFilter, signal: AbortSignal): AsyncGenerator<ChainedRecord> {
    return query(this.#chain, filter, signal);
  }

  /** Seals what it can, and closes. */
  async close(): Promise<void> {
    try {
      await this.seal();
    } finally {
      this.#stopSealing();
      await this.#chain.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #sealHead(): Promise<void> {
    this.#sealTimer?.cancel();
    this.#sealTimer = undefined;
    await this.#chain.exclusively(async () => {
      await this.#chain.sync();
      // Looked up only now: a lock may have come first.
      if (!this.#checked) return;
      using key = this.#vault.deriveKey(KEY_LABEL);
      this.#head = await writeHead(this.#chain.folder, this.#chain.last, key);
    });
  }

  #afterWrite(): void {
    if (!this.#checked || this.#chain.closed) return;
    if (this.#chain.rotations !== this.#rotations) {
      this.#rotations = this.#chain.rotations;
      this.seal().catch((error: unknown) => this.#report(toBrokerError(error)));
    } else if (this.#chain.last.seq !== this.#head?.seq) {
      this.#sealTimer ??= this.#clock.after(SEAL_MS, () => {
        this.#sealHead().catch((error: unknown) => this.#report(toBrokerError(error)));
      });
    }
  }

  #stopSealing(): void {
    this.#sealTimer?.cancel();
    this.#sealTimer = undefined;
    this.#checked = false;
  }

  #anchor(): Mark | undefined {
    if (this.#vault.state !== 'unlocked') return undefined;
    const record = this.#vault.get('state', ANCHOR);
    return record && parseMark(record.fields);
  }

  /** What does not fit between the log as it is and what was sealed before. */
  async #findings(): Promise<string[]> {
    const found = await readHead(this.#chain.folder);
    const anchor = this.#anchor();
    const flaw = this.#headFlaw(found, anchor);
    const findings = flaw ? [sentence(flaw)] : [];
    if (!flaw && typeof found !== 'string') findings.push(...(await this.#mismatch(found, 'audit.head')));
    if (anchor) findings.push(...(await this.#mismatch(anchor, 'the vault')));
    return findings;
  }

  /** What is wrong with the head by itself. */
  #headFlaw(head: Head | 'absent' | 'damaged', anchor: Mark | undefined): Flaw | undefined {
    const at = { file: 'audit.head', line: 0, seq: undefined };
    if (head === 'absent') return anchor || this.#head ? { ...at, message: 'it was removed' } : undefined;
    if (head === 'damaged') return { ...at, message: 'it was changed' };
    // A head of our own stays good when the vault's key was replaced meanwhile.
    if (this.#head?.mac === head.mac || this.#vault.state !== 'unlocked') return undefined;
    using key = this.#vault.deriveKey(KEY_LABEL);
    if (isGenuine(head, key)) return undefined;
    return { ...at, message: 'its seal is not of this vault: it was changed, or belongs to another vault' };
  }

  async #mismatch(mark: Mark, by: string): Promise<string[]> {
    if (mark.seq === 0) return [];
    await using snapshot = await this.#chain.snapshot(mark.seq);
    const [oldest] = snapshot.files;
    // Gone by retention, or by theft: verify knows which.
    if (oldest?.firstSeq !== undefined && oldest.firstSeq > mark.seq) return [];
    for (const file of snapshot.files) {
      for await (const line of linesOf(file)) {
        if (seqOf(line.bytes) !== mark.seq) continue;
        return parseLine(line.bytes)?.hash === mark.hash ? [] : [`record ${mark.seq} is not the one that ${by} knows`];
      }
    }
    return [
      `the log ended before record ${mark.seq}, which ${by} knows: its end was cut off, or an older copy was put back`,
    ];
  }
}

function sentence({ file, line, message }: Flaw): string {
  return line > 0 ? `${file} line ${line}: ${message}` : `${file}: ${message}`;
}
