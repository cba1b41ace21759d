import type { AuditEvent } from '../../core/audit.ts';
import type { Chain, Snapshot } from './chain.ts';
import { type Line, type LogFile, linesOf } from './files.ts';
import { type ChainedRecord, parseLine, seqOf } from './line.ts';

/** Which records; absent: all of them. Texts match exactly. */
export interface AuditFilter {
  /** Epoch ms, the first that counts. */
  readonly since?: number;
  /** Epoch ms, the first that no longer counts. */
  readonly until?: number;
  readonly service?: string;
  readonly action?: string;
  readonly outcome?: AuditEvent['outcome'];
  /** Name or id of the caller's token. */
  readonly token?: string;
  /** The newest so many, 0 or absent: all. At most MAX_LIMIT; more are held back. */
  readonly limit?: number;
  /** Goes on with new records as they are written, until `signal` aborts or the log is closed. */
  readonly follow?: boolean;
}

/** Records held in memory for `limit`. */
const MAX_LIMIT = 10_000;

/**
 * Records in order, oldest first. Lines that are not records of ours are left out; verify names them.
 * Ends without an error when `signal` aborts.
 */
export async function* query(chain: Chain, filter: AuditFilter, signal: AbortSignal): AsyncGenerator<ChainedRecord> {
  const position: Position = { seq: 0, file: undefined, offset: 0 };
  {
    await using snapshot = await chain.snapshot();
    const records = filter.limit ? await newest(snapshot, filter, signal) : matching(snapshot.files, filter, signal);
    for await (const record of records) {
      if (signal.aborted) return;
      yield record;
    }
    const active = snapshot.files.at(-1);
    Object.assign(position, { seq: snapshot.last.seq, file: active?.firstSeq, offset: active?.end ?? 0 });
  }
  while (filter.follow && (await grown(chain, position.seq, signal))) {
    yield* news(chain, position, filter, signal);
  }
}

/** How far a follower has read: the file (by its first record) and the offset in it, and the last record. */
interface Position {
  seq: number;
  file: number | undefined;
  offset: number;
}

async function* news(
  chain: Chain,
  position: Position,
  filter: AuditFilter,
  signal: AbortSignal,
): AsyncGenerator<ChainedRecord> {
  await using snapshot = await chain.snapshot(position.seq + 1);
  for (const file of snapshot.files) {
    const start = file.firstSeq !== undefined && file.firstSeq === position.file ? position.offset : 0;
    for await (const line of linesOf(file, start)) {
      if (signal.aborted) return;
      if ((seqOf(line.bytes) ?? 0) <= position.seq) continue;
      const record = matches(line, filter);
      if (record) yield record;
    }
    Object.assign(position, { file: file.firstSeq, offset: file.end });
  }
  position.seq = snapshot.last.seq;
}

/** Resolves true when there is a record behind `seq`, false when there will be none: aborted or closed. */
async function grown(chain: Chain, seq: number, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted && chain.last.seq <= seq && !chain.closed) {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        unwatch();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const unwatch = chain.watch(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
  return !signal.aborted && chain.last.seq > seq;
}

async function* matching(
  files: readonly LogFile[],
  filter: AuditFilter,
  signal: AbortSignal,
): AsyncGenerator<ChainedRecord> {
  for (const file of files) {
    for await (const line of linesOf(file)) {
      if (signal.aborted) return;
      const record = matches(line, filter);
      if (record) yield record;
    }
  }
}

/** Newest file first, so that a small limit does not read an old log. */
async function newest(snapshot: Snapshot, filter: AuditFilter, signal: AbortSignal): Promise<ChainedRecord[]> {
  const limit = Math.min(filter.limit ?? MAX_LIMIT, MAX_LIMIT);
  let found: ChainedRecord[] = [];
  for (const file of [...snapshot.files].reverse()) {
    const wanted = limit - found.length;
    if (wanted <= 0) break;
    const here: ChainedRecord[] = [];
    for await (const record of matching([file], filter, signal)) {
      here.push(record);
      // Twice the room before the old half goes: shifting one at a time would be quadratic.
      if (here.length >= 2 * wanted) here.splice(0, here.length - wanted);
    }
    found = [...here.slice(-wanted), ...found];
  }
  return found;
}

function matches(line: Line, filter: AuditFilter): ChainedRecord | undefined {
  const record = line.terminated ? parseLine(line.bytes) : undefined;
  if (!record) return undefined;
  const { event } = record;
  const at = Date.parse(record.time);
  const fits =
    (filter.since === undefined || at >= filter.since) &&
    (filter.until === undefined || at < filter.until) &&
    (filter.service === undefined || event.service === filter.service) &&
    (filter.action === undefined || event.action === filter.action) &&
    (filter.outcome === undefined || event.outcome === filter.outcome) &&
    (filter.token === undefined || event.caller.token === filter.token || event.caller.tokenId === filter.token);
  return fits ? record : undefined;
}
