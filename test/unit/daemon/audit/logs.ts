import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { AuditEvent } from '../../../../src/core/audit.ts';
import { Chain, type ChainOptions } from '../../../../src/daemon/audit/chain.ts';
import { logNames, openLogFile } from '../../../../src/daemon/audit/files.ts';
import { type AuditFilter, query } from '../../../../src/daemon/audit/query.ts';
import { type Walk, type Witness, walk } from '../../../../src/daemon/audit/verify.ts';
import { temporaryHome } from '../../vault/home.ts';

/** The n-th event of a made-up day. */
export function event(n: number, more: Partial<AuditEvent> = {}): AuditEvent {
  return { action: 'session.open', outcome: 'ok', caller: { token: 'ci', uid: 1000 }, service: `db-${n}`, ...more };
}

export async function openChain(t: TestContext, options: Partial<ChainOptions> = {}): Promise<Chain> {
  const chain = await Chain.open({ folder: options.folder ?? (await temporaryHome(t)), ...options });
  t.after(() => chain.close());
  return chain;
}

/** A closed log of `count` records in a folder of its own. */
export async function writtenLog(t: TestContext, count: number, options: Partial<ChainOptions> = {}): Promise<string> {
  const chain = await openChain(t, options);
  for (let n = 1; n <= count; n++) await chain.append(event(n), n === count);
  await chain.close();
  return chain.folder;
}

/** What verify says of the folder's files, with nobody writing. */
export async function walkFolder(folder: string, witnesses: readonly Witness[] = []): Promise<Walk> {
  const files = await Promise.all((await logNames(folder)).map((name) => openLogFile(folder, name)));
  try {
    return await walk(files, witnesses);
  } finally {
    for (const file of files) await file[Symbol.asyncDispose]();
  }
}

/** Numbers of all records, read from the files, oldest first. */
export async function numbers(folder: string): Promise<number[]> {
  const texts = await Promise.all((await logNames(folder)).map((name) => readFile(join(folder, name), 'utf8')));
  return texts.flatMap((text) => [...text.matchAll(/^\{"seq":(\d+)/gm)].map((match) => Number(match[1])));
}

export async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

export async function tornFiles(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('audit.torn.'));
}

/** Numbers of the records that a query gives. */
export async function queried(chain: Chain, filter: AuditFilter): Promise<number[]> {
  const found: number[] = [];
  for await (const { seq } of query(chain, filter, new AbortController().signal)) found.push(seq);
  return found;
}
