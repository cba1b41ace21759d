import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../../../scripts/command.ts';

/** Imports and re-exports that are there at run time: not those of types only, and not those that wait for their call. */
const STATIC = /^(?:import|export)(?! type )(?:[^'";]*? from)? ?'([^']+)';/gm;

/** What a module loads with itself, all the way down: our own modules by path, packages by name. */
async function loadedWith(entry: string): Promise<Set<string>> {
  const seen = new Set<string>([entry]);
  for (const path of seen) {
    if (!path.endsWith('.ts')) continue;
    for (const [, specifier = ''] of (await readFile(path, 'utf8')).matchAll(STATIC)) {
      seen.add(specifier.startsWith('.') ? resolve(dirname(path), specifier) : specifier);
    }
  }
  return seen;
}

test('a daemon that starts loads only what it needs without services: resident memory stands on it', async () => {
  const loaded = await loadedWith(join(ROOT, 'src/daemon/main.ts'));
  assert.ok(loaded.has(join(ROOT, 'src/http/upstream.ts')) && loaded.has('@grpc/grpc-js'), 'the walk finds its way');
  const packages = [...loaded].filter((name) => !name.startsWith('/') && !name.startsWith('node:'));
  assert.deepEqual(packages.sort(), [
    '@grpc/grpc-js',
    '@grpc/proto-loader',
    'grpc-health-check',
    'pg-protocol',
    'pino',
  ]);
  // Behind them are libraries, or much code, that only some services need.
  for (const late of ['src/http/login.ts', 'src/daemon/ca.ts', 'src/drivers/smtp/xoauth2.ts'])
    assert.ok(!loaded.has(join(ROOT, late)), late);
});
