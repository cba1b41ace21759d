/** `npm run compose` writes docker-compose.test.yml from the rig's table; `--check` compares. */
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { composeFile } from '../test/rig/compose.ts';
import { ROOT } from './command.ts';

const FILE = resolve(ROOT, 'docker-compose.test.yml');

if (!process.argv.includes('--check')) {
  await writeFile(FILE, composeFile());
} else if ((await readFile(FILE, 'utf8')) !== composeFile()) {
  console.error('docker-compose.test.yml is not what test/rig/table.ts says. Run: npm run compose');
  process.exitCode = 1;
}
