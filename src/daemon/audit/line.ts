import { createHash, hash as hashed } from 'node:crypto';
import type { AuditEvent } from '../../core/audit.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { eventFields, parseEvent } from './event.ts';

/** A place in the chain. */
export interface Mark {
  readonly seq: number;
  /** SHA-256 in hex. */
  readonly hash: string;
}

/** One line of the log, parsed, and found to carry the hash of its own content. */
export interface ChainedRecord extends Mark {
  /** ISO 8601, UTC, with milliseconds. */
  readonly time: string;
  /** Hash of the record before. */
  readonly prev: string;
  readonly event: AuditEvent;
  /** The line as it stands in the file. */
  readonly line: string;
}

/** What the first record follows. */
export const GENESIS: Mark = { seq: 0, hash: '0'.repeat(64) };
/** Bytes of one line. Ours stay far below; a longer one is foreign. */
export const MAX_LINE_BYTES = 64 * 1024;
/** `,"hash":"` 64 hex digits `"}` */
const SUFFIX = /^,"hash":"([0-9a-f]{64})"\}$/;
const SUFFIX_BYTES = 75;
const HASH = /^[0-9a-f]{64}$/;

/**
 * The line that records `event` behind `last`, without its line feed:
 * `{"seq":N,"time":T,"prev":P,"action":A, ... ,"hash":H}`, H being the SHA-256 of the same line without `,"hash":H`.
 */
export function chainLine(event: AuditEvent, last: Mark, time: number): { readonly line: string; readonly mark: Mark } {
  const seq = last.seq + 1;
  const fields = JSON.stringify(eventFields(event)).slice(1);
  const body = `{"seq":${seq},"time":"${new Date(time).toISOString()}","prev":"${last.hash}",${fields}`;
  const hash = hashed('sha256', body, 'hex');
  return { line: `${body.slice(0, -1)},"hash":"${hash}"}`, mark: { seq, hash } };
}

/** Reads what `chainLine` wrote; undefined when a byte of it is another. */
export function parseLine(bytes: Buffer): ChainedRecord | undefined {
  const hash = hashOf(bytes);
  if (hash === undefined) return undefined;
  const actual = createHash('sha256').update(bytes.subarray(0, -SUFFIX_BYTES)).update('}').digest('hex');
  const json = actual === hash ? parseJson(bytes) : undefined;
  const event = json && parseEvent(json);
  if (!json || !event) return undefined;
  const { seq, time, prev } = json;
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) return undefined;
  if (typeof time !== 'string' || typeof prev !== 'string' || !HASH.test(prev)) return undefined;
  return { seq, time, prev, hash, event, line: bytes.toString('utf8') };
}

/** The number at the front of a line, without checking anything else. */
export function seqOf(bytes: Buffer): number | undefined {
  const found = /^\{"seq":([1-9][0-9]{0,14}),/.exec(bytes.toString('latin1', 0, 32));
  return found ? Number(found[1]) : undefined;
}

/** The hash at the end of a line, without checking it. */
export function hashOf(bytes: Buffer): string | undefined {
  return SUFFIX.exec(bytes.toString('latin1', Math.max(0, bytes.length - SUFFIX_BYTES)))?.[1];
}

function parseJson(bytes: Buffer): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(bytes.toString('utf8'));
    return isJsonObject(parsed) ? parsed : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
