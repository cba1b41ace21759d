import { existsSync, readFileSync } from 'node:fs';
import { BrokerError } from '../../core/errors.ts';
import { toMillis } from '../../core/rpc.ts';
import { adminClient } from '../admin.ts';
import { print, printJson, say, table } from '../output.ts';
import { unreadable } from '../reason.ts';
import { saveNew } from '../savefile.ts';

interface Options {
  readonly passwordFile?: string;
  readonly json?: boolean;
}

export async function put(name: string, path: string, options: Options): Promise<number> {
  let content: Buffer;
  try {
    content = readFileSync(path === '-' ? 0 : path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  using client = await adminClient(options.passwordFile);
  const parts = Array.from({ length: Math.ceil(content.length / 65_536) }, (_, i) => ({
    data: content.subarray(i * 65_536, (i + 1) * 65_536),
  }));
  const file = await client.files.put([{ name }, ...parts]);
  content.fill(0);
  say(`${file.name}: ${file.size} bytes stored`);
  return 0;
}

export async function get(name: string, path: string, options: Options): Promise<number> {
  // Before it is read: reading is on record as an exposure.
  if (path !== '-' && existsSync(path))
    throw new BrokerError('already_exists', `${path} exists already, and is not overwritten`);
  using client = await adminClient(options.passwordFile);
  const parts: Buffer[] = [];
  for await (const { data } of client.files.get({ name })) parts.push(data);
  const content = Buffer.concat(parts);
  if (path === '-') process.stdout.write(content);
  else saveNew(path, content);
  say(`${name}: read back, which is on record`);
  return 0;
}

export async function list(options: Options): Promise<number> {
  using client = await adminClient(options.passwordFile);
  const { files } = await client.files.list({});
  const updated = (at: (typeof files)[number]['updatedAt']): string => new Date(toMillis(at) ?? 0).toISOString();
  if (options.json)
    printJson(files.map(({ name, size, updatedAt }) => ({ name, size: Number(size), updated_at: updated(updatedAt) })));
  else
    print(
      table(
        ['NAME', 'BYTES', 'UPDATED'],
        files.map(({ name, size, updatedAt }) => [name, size, updated(updatedAt)]),
      ),
    );
  return 0;
}

export async function remove(name: string, options: Options): Promise<number> {
  using client = await adminClient(options.passwordFile);
  await client.files.delete({ name });
  say(`${name}: deleted`);
  return 0;
}
