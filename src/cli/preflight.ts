import { accessSync, constants, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BrokerError } from '../core/errors.ts';
import { candidates } from './candidates.ts';
import type { BrokerClient } from './connect.ts';

/** Values in one call: what the daemon takes at most. */
const BATCH = 2_000;
/** Milliseconds that the daemon has to answer. */
const ANSWER_MS = 30_000;

/** What a command is about to be started with. */
export interface Start {
  /** What it inherits; what broker itself puts there need not be asked about. */
  readonly env: Readonly<Record<string, string>>;
  readonly argv: readonly string[];
}

/**
 * Proves that no stored secret is in the environment or the arguments, as far as whole values and their parts go.
 * @throws BrokerError `denied` naming the variables and arguments; `locked`, `exhausted`.
 */
export async function proveClean(client: BrokerClient, { env, argv }: Start): Promise<void> {
  const places = [
    ...Object.entries(env).map(([name, value]) => ({
      place: name,
      texts: [...candidates(value), ...candidates(name)],
    })),
    ...argv.map((word, at) => ({ place: `argument ${at}`, texts: candidates(word) })),
  ];
  const values = [...new Set(places.flatMap(({ texts }) => texts))];
  const secret = new Set<string>();
  for (let from = 0; from < values.length; from += BATCH) {
    const batch = values.slice(from, from + BATCH);
    const request = { values: batch.map((value) => Buffer.from(value)) };
    const { matches } = await client.vault.scan(request, { timeoutMs: ANSWER_MS });
    for (const index of matches) secret.add(batch[index] ?? '');
  }
  const found = places.filter(({ texts }) => texts.some((text) => secret.has(text))).map(({ place }) => place);
  if (found.length === 0) return;
  throw new BrokerError('denied', `a stored secret is in what the command would be started with: ${found.join(', ')}`, {
    hint: 'take it out of the environment or the command line; nothing was started',
  });
}

/**
 * Proves that the command, which runs as this user, can read no stored secret in the files of the daemon's home.
 * @param home as this user's command line knows it.
 * @throws BrokerError `denied` naming the files.
 */
export async function proveHome(client: BrokerClient, home: string): Promise<void> {
  if (!hasReadable(home)) return;
  const { files } = await client.vault.scan({ home: true }, { timeoutMs: ANSWER_MS });
  if (files.length === 0) return;
  throw new BrokerError('denied', `a stored secret stands in files that the command could read: ${files.join(', ')}`, {
    hint: `remove it from them; they are in ${home}`,
  });
}

/** Whether this user can read any file in there. */
function hasReadable(folder: string): boolean {
  try {
    return readdirSync(folder, { withFileTypes: true }).some((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return hasReadable(path);
      return entry.isFile() && canRead(path);
    });
  } catch {
    return false; // a folder that cannot be listed is one whose files this user cannot find
  }
}

function canRead(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false; // which is what was asked
  }
}
