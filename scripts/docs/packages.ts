import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { markdownTable } from './section.ts';

/** What the project is built on by its owner's wish; ARCHITECTURE.md says what each is used for. */
export const PACKAGES = [
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  'argon2',
  'pg-protocol',
  'ioredis',
  'imapflow',
  'nodemailer',
  'ssh2',
] as const;

/** A row per package: the folders under src that import it. Generated code does not count. */
export function packageTable(root: string): string {
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !relative(root, file).startsWith(join('src', 'core', 'proto')))
    .map((file) => ({ folder: relative(root, dirname(file)), text: readFileSync(file, 'utf8') }));
  const rows = PACKAGES.map((name) => {
    const imported = new RegExp(`(?:from |import\\(|require\\()'${name}(?:/[^']*)?'`);
    const folders = sources.filter(({ text }) => imported.test(text)).map(({ folder }) => `\`${folder}\``);
    return [`\`${name}\``, [...new Set(folders)].sort().join(', ') || 'not yet: the driver that uses it is to come'];
  });
  return markdownTable(['Package', 'Imported in'], rows);
}
