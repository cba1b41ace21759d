/**
 * `npm run docs` writes the tables of the documentation that follow from the code: fields of the kinds, settings of the
 * daemon, help of the commands, methods of the control API. `--check` compares instead, and says which page is behind.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drivers } from '../src/drivers/registry.ts';
import { httpKinds } from '../src/http/registry.ts';
import { ROOT } from './command.ts';
import { methods } from './docs/api.ts';
import { commands } from './docs/commands.ts';
import { fieldTable, httpKindTables, kindList, newKindPage } from './docs/kinds.ts';
import { packageTable } from './docs/packages.ts';
import { withSection } from './docs/section.ts';
import { settingsTable } from './docs/settings.ts';

interface Section {
  /** Path of the page, from the project's folder. */
  readonly page: string;
  readonly name: string;
  readonly body: string;
  /** Written where there is no such page yet; its prose is then somebody's to write. */
  readonly blank?: string;
}

async function sections(): Promise<Section[]> {
  return [
    { page: 'README.md', name: 'kinds', body: kindList(drivers) },
    { page: 'ARCHITECTURE.md', name: 'packages', body: packageTable(ROOT) },
    { page: 'docs/configuration.md', name: 'settings', body: settingsTable() },
    { page: 'docs/commands.md', name: 'commands', body: await commands() },
    { page: 'docs/api.md', name: 'methods', body: methods(join(ROOT, 'proto')) },
    { page: 'docs/kinds/http.md', name: 'fields', body: httpKindTables(httpKinds) },
    ...[...drivers.values()].map((driver) => ({
      page: `docs/kinds/${driver.kind}.md`,
      name: 'fields',
      body: fieldTable(driver.config),
      blank: newKindPage(driver),
    })),
  ];
}

const check = process.argv.includes('--check');
for (const { page, name, body, blank } of await sections()) {
  const path = join(ROOT, page);
  const before = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  const after = withSection(before ?? blank ?? '', name, body);
  if (after === before) continue;
  if (check) {
    console.error(`${page} is not what the code says. Run: npm run docs`);
    process.exitCode = 1;
  } else writeFileSync(path, after);
}
