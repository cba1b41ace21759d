/**
 * `npm run bench [-- --quick] [-- ROW ...]`: measures pairs in one run and prints ratios, so that a noisy machine cannot
 * lie. Rows: memory, process, opening, relay, redis, mail, exec, http, thread, copy, leak. The numbers go to build/bench.json too. Nothing is asserted.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Row } from './measure.ts';
import { copyRows } from './rows/copy.ts';
import { execRows } from './rows/exec.ts';
import { httpRows } from './rows/http.ts';
import { leakRow } from './rows/leak.ts';
import { mailRows } from './rows/mail.ts';
import { memoryRows } from './rows/memory.ts';
import { openingRows } from './rows/opening.ts';
import { processRows } from './rows/process.ts';
import { redisRows } from './rows/redis.ts';
import { relayRows } from './rows/relay.ts';
import { threadRow } from './rows/thread.ts';
import { ROOT, type Stage, setStage } from './stage.ts';

const { values, positionals } = parseArgs({ options: { quick: { type: 'boolean' } }, allowPositionals: true });
const quick = values.quick ?? false;

const GROUPS: Record<string, (stage: Stage) => Promise<Row[]>> = {
  memory: memoryRows,
  process: (stage) => processRows(stage, quick ? 5 : 30),
  opening: (stage) => openingRows(stage, quick ? 20 : 200),
  relay: (stage) => relayRows(stage, quick ? 2 : 7),
  redis: (stage) => redisRows(stage, quick ? 2 : 7),
  mail: (stage) => mailRows(stage, quick ? 2 : 7),
  exec: (stage) => execRows(stage, quick ? 10 : 100),
  http: (stage) => httpRows(stage, quick ? 1 : 5),
  thread: async (stage) => [await threadRow(stage, quick ? 2 : 7)],
  copy: (stage) => copyRows(stage, quick ? 1 : 5, quick ? 50 : 500),
  leak: async (stage) => [await leakRow(stage, quick ? 500 : 10_000)],
};

const wanted = Object.entries(GROUPS).filter(([name]) => positionals.length === 0 || positionals.includes(name));
if (wanted.length === 0) throw new Error(`no such row; there are ${Object.keys(GROUPS).join(', ')}`);
/** The mail servers take their time to start, and only one row asks for them. */
const mail = wanted.some(([name]) => name === 'mail') ? (['dovecot', 'postfix'] as const) : [];
const ssh = wanted.some(([name]) => name === 'exec' || name === 'copy') ? (['openssh'] as const) : [];
const servers = ['postgres', 'postgresClear', 'redis', ...mail, ...ssh] as const;
const rows: Row[] = [];
{
  await using stage = await setStage(servers);
  for (const [name, measure] of wanted) {
    console.error(`measuring: ${name}`);
    rows.push(...(await measure(stage)));
  }
}
const machine = `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}${quick ? ', quick' : ''}`;
console.log(`\n${machine}\n\n| what | versus | ratio | target | met | detail |\n| --- | --- | --- | --- | --- | --- |`);
for (const { what, versus, ratio, target, met, detail } of rows) {
  const verdict = met === undefined ? '' : met ? 'yes' : 'no';
  console.log(
    `| ${what} | ${versus} | ${ratio === undefined ? '-' : ratio.toFixed(2)} | ${target} | ${verdict} | ${detail} |`,
  );
}
await mkdir(join(ROOT, 'build'), { recursive: true });
await writeFile(
  join(ROOT, 'build/bench.json'),
  JSON.stringify({ machine, at: new Date().toISOString(), rows }, null, 2),
);
