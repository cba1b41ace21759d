import { readFileSync } from 'node:fs';

/** The package's version. */
export const VERSION: string = versionOf(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

function versionOf(manifest: string): string {
  const { version }: { version?: unknown } = JSON.parse(manifest);
  return typeof version === 'string' ? version : 'unknown';
}
