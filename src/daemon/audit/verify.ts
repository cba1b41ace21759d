import { type LogFile, linesOf } from './files.ts';
import { type ChainedRecord, GENESIS, type Mark, parseLine } from './line.ts';

/** The first thing wrong with the log. */
export interface Flaw {
  readonly file: string;
  /** Counted from 1; 0 where it is not a line that is wrong. */
  readonly line: number;
  /** The number of the record that is broken or missing, where it is known. */
  readonly seq: number | undefined;
  readonly message: string;
}

/** A place in the chain that somebody vouches for. */
export interface Witness {
  readonly mark: Mark;
  /** As messages name it: `audit.head`, `the vault`, `the running daemon`. */
  readonly by: string;
}

export interface Walk {
  readonly records: number;
  readonly last: Mark;
  readonly flaw: Flaw | undefined;
  /** Ends of broken-off writes that were set aside when the log was opened. */
  readonly repairs: number;
}

/** An action whose record says that the log was found to be tampered with. */
export const TAMPERED = 'audit.tampered';
export const REPAIR = 'audit.repair';
export const ROTATE = 'audit.rotate';
/** An admin has looked into what was noted up to a record: verify no longer reports it. */
export const ACKNOWLEDGE = 'audit.acknowledge';

/** Walks the chain from the oldest record to the newest, one line in memory at a time. */
export async function walk(files: readonly LogFile[], witnesses: readonly Witness[]): Promise<Walk> {
  const walker = new Walker(witnesses);
  for (const file of files) {
    for await (const { bytes, number, terminated } of linesOf(file)) {
      const at = { file: file.name, line: number };
      const record = terminated ? parseLine(bytes) : undefined;
      if (record) walker.record(record, at);
      else walker.broken(terminated, at);
    }
  }
  return walker.end(files.at(-1)?.name ?? 'audit.log');
}

interface At {
  readonly file: string;
  readonly line: number;
}

class Walker {
  readonly #witnesses: readonly Witness[];
  /** By position in the log; the first is reported. */
  #flaw: Flaw | undefined;
  /** Lines before the first one that is a record: what number they had shows when that comes. */
  readonly #brokenFirst: { at?: At; lines: number } = { lines: 0 };
  #first: { readonly record: ChainedRecord; readonly at: At } | undefined;
  #last: Mark = GENESIS;
  #records = 0;
  #repairs = 0;
  #tampered: Flaw | undefined;
  /** What retention says to have removed: hash of the last removed record by its number. */
  readonly #removed = new Map<number, string>();

  constructor(witnesses: readonly Witness[]) {
    this.#witnesses = witnesses;
  }

  record(record: ChainedRecord, at: At): void {
    this.#records += 1;
    this.#note(record, at);
    if (this.#first) {
      this.#follows(record, at);
    } else {
      this.#first = { record, at };
      const seq = record.seq - this.#brokenFirst.lines;
      if (this.#brokenFirst.at) this.#blame(this.#brokenFirst.at, seq, `record ${seq} was changed`);
    }
    for (const { mark, by } of this.#witnesses) {
      if (mark.seq !== record.seq || mark.hash === record.hash) continue;
      this.#blame(at, record.seq, `record ${record.seq} is not the one that ${by} knows: the log was rewritten`);
    }
    this.#last = { seq: record.seq, hash: record.hash };
  }

  broken(terminated: boolean, at: At): void {
    if (this.#first) {
      const seq = this.#last.seq + 1;
      this.#blame(at, seq, `record ${seq} ${terminated ? 'was changed' : 'is cut off in the middle'}`);
    } else {
      this.#brokenFirst.at ??= at;
      this.#brokenFirst.lines += 1;
    }
  }

  end(lastFile: string): Walk {
    const { at } = this.#brokenFirst;
    if (at && !this.#first) this.#blame(at, undefined, 'nothing of it is a record');
    const flaw = this.#beginning() ?? this.#flaw ?? this.#end(lastFile) ?? this.#tampered;
    return { records: this.#records, last: this.#last, flaw, repairs: this.#repairs };
  }

  #note({ event, seq, time }: ChainedRecord, at: At): void {
    if (event.action === REPAIR) this.#repairs += 1;
    if (event.action === TAMPERED) {
      this.#tampered ??= { ...at, seq, message: `broker noted at ${time}: ${event.message ?? 'the log was changed'}` };
    }
    if (event.action === ACKNOWLEDGE && (this.#tampered?.seq ?? seq) <= Number(event.detail?.through))
      this.#tampered = undefined;
    const { removed_through: through, removed_hash: hash } = event.detail ?? {};
    if (event.action === ROTATE && typeof through === 'number' && typeof hash === 'string')
      this.#removed.set(through, hash);
  }

  #follows(record: ChainedRecord, at: At): void {
    const expected = this.#last.seq + 1;
    if (record.seq > expected) {
      const missing =
        record.seq - 1 === expected ? `record ${expected} is` : `records ${expected} to ${record.seq - 1} are`;
      const how = at.line === 1 ? ': a file was removed, or its end cut off' : '';
      this.#blame(at, expected, `${missing} missing before it${how}`);
    } else if (record.seq < expected) {
      this.#blame(at, record.seq, `record ${record.seq} stands where record ${expected} should be`);
    } else if (record.prev !== this.#last.hash) {
      this.#blame(at, record.seq, `record ${record.seq} does not follow from the one before it`);
    }
  }

  /** The log begins with record 1, or where retention says it does. */
  #beginning(): Flaw | undefined {
    if (!this.#first || this.#brokenFirst.at) return undefined;
    const { record, at } = this.#first;
    const before = record.seq - 1;
    if (record.prev === (before === 0 ? GENESIS.hash : this.#removed.get(before))) return undefined;
    const message =
      before === 0
        ? 'record 1 is not the beginning of a log'
        : `records 1 to ${before} are missing, and not by retention: the oldest file was removed`;
    return { ...at, seq: 1, message };
  }

  #end(file: string): Flaw | undefined {
    const beyond = this.#witnesses.filter(({ mark }) => mark.seq > this.#last.seq);
    const [first] = beyond.sort((a, b) => b.mark.seq - a.mark.seq);
    if (!first) return undefined;
    const { seq } = this.#last;
    const message = `the log ends with record ${seq}, but ${first.by} knows of record ${first.mark.seq}: its end was cut off, or an older copy was put back`;
    return { file, line: 0, seq: seq + 1, message };
  }

  #blame(at: At, seq: number | undefined, message: string): void {
    this.#flaw ??= { ...at, seq, message };
  }
}
