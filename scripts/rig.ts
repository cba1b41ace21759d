import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readRig, startRig, stopRig } from '../test/rig/rig.ts';
import { isServer, row, SERVER_NAMES } from '../test/rig/table.ts';

const FILE = resolve(import.meta.dirname, '../.rig/rig.json');
const USAGE = `usage: npm run rig -- start [SERVER ...] | stop | status     servers: ${SERVER_NAMES.join(' ')}`;

async function start(words: readonly string[]): Promise<number> {
  const unknown = words.filter((word) => !isServer(word));
  if (unknown.length > 0) return fail(`no such server: ${unknown.join(' ')}\n${USAGE}`);
  if (existsSync(FILE)) return fail('the rig is up already; npm run rig -- stop');
  const names = words.length > 0 ? words.filter(isServer) : SERVER_NAMES;
  await startRig(FILE, { names, report: (line) => console.error(line) });
  return status();
}

async function stop(): Promise<number> {
  if (!existsSync(FILE)) return fail('the rig is not up');
  const { state } = await readRig(FILE);
  await stopRig(state);
  await rm(FILE);
  return 0;
}

async function status(): Promise<number> {
  if (!existsSync(FILE)) return fail('the rig is not up; npm run rig -- start');
  const { state, facts } = await readRig(FILE);
  for (const name of SERVER_NAMES.filter((name) => facts[name] !== undefined)) {
    const ports = Object.keys(row(name).ports).map((port) => `${port} ${Reflect.get(facts[name], port)}`);
    console.log(`${name.padEnd(14)} ${facts[name].host}  ${ports.join('  ')}`);
  }
  console.log(
    `\nlogs   ${state.directory}\nfacts  ${join('.rig', 'rig.json')}  (tests find it; elsewhere set BROKER_RIG)`,
  );
  return 0;
}

function fail(message: string): number {
  console.error(message);
  return 1;
}

const [verb, ...words] = process.argv.slice(2);
if (verb === 'start') process.exitCode = await start(words);
else if (verb === 'stop') process.exitCode = await stop();
else if (verb === 'status') process.exitCode = await status();
else {
  console.error(USAGE);
  process.exitCode = 2;
}
