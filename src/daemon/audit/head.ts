import { createHmac, timingSafeEqual } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import type { Secret } from '../../core/secret.ts';
import type { Mark } from './line.ts';

/** How far the log is sealed: nobody without the vault's key can make another head, or cut the log below it unseen. */
export interface Head extends Mark {
  /** HMAC-SHA256, hex. */
  readonly mac: string;
}

const NAME = 'audit.head';
const MAX_BYTES = 4_096;
const HEX = /^[0-9a-f]{64}$/;

/** The head as it is on disk, its MAC not yet checked. */
export async function readHead(folder: string): Promise<Head | 'absent' | 'damaged'> {
  let text: string;
  try {
    text = await readFile(join(folder, NAME), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'absent';
    throw error;
  }
  const fields = parseJson(text.slice(0, MAX_BYTES));
  const mark = fields && parseMark(fields);
  const mac = fields?.mac;
  return mark && typeof mac === 'string' && HEX.test(mac) ? { ...mark, mac } : 'damaged';
}

/** Replaces the head in one step. */
export async function writeHead(folder: string, { seq, hash }: Mark, key: Secret): Promise<Head> {
  const head = { seq, hash, mac: macOf({ seq, hash }, key).toString('hex') };
  const fresh = join(folder, `${NAME}.new`);
  {
    await using file = await open(fresh, 'w', 0o600);
    await file.writeFile(`${JSON.stringify(head)}\n`);
    await file.sync();
  }
  await rename(fresh, join(folder, NAME));
  await using directory = await open(folder, 'r');
  await directory.sync();
  return head;
}

export function isGenuine(head: Head, key: Secret): boolean {
  return timingSafeEqual(macOf(head, key), Buffer.from(head.mac, 'hex'));
}

/** `seq` and `hash` of stored JSON; undefined when they are not what a mark has. */
export function parseMark(fields: JsonObject): Mark | undefined {
  const { seq, hash } = fields;
  const fits = typeof seq === 'number' && Number.isSafeInteger(seq) && seq >= 0;
  return fits && typeof hash === 'string' && HEX.test(hash) ? { seq, hash } : undefined;
}

function macOf({ seq, hash }: Mark, key: Secret): Buffer {
  return key.use((bytes) => createHmac('sha256', bytes).update(`broker audit head 1\n${seq}\n${hash}\n`).digest());
}

function parseJson(text: string): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isJsonObject(parsed) ? parsed : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
