import { readFileSync } from 'node:fs';
import { print } from '../output.ts';

export async function version(): Promise<number> {
  // Bundled to dist/bin, compiled to dist/cli/commands, run from src/cli/commands: the manifest is the nearest above.
  for (const up of ['../../', '../../../']) {
    const parsed = manifest(new URL(`${up}package.json`, import.meta.url));
    if (parsed) {
      print(parsed);
      return 0;
    }
  }
  return 1;
}

function manifest(url: URL): string | undefined {
  try {
    const { name, version }: { name?: unknown; version?: unknown } = JSON.parse(readFileSync(url, 'utf8'));
    return name === 'authbroker' && typeof version === 'string' ? version : undefined;
  } catch {
    return undefined; // not there: the caller looks further up
  }
}
