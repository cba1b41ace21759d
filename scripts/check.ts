/** `npm run check`: everything about the sources that needs no server. Quiet where all is well. */
import { availableParallelism } from 'node:os';
import { type Ended, nodeTool, ROOT, tool } from './command.ts';
import { floors } from './floors.ts';
import { tooLong } from './sizes.ts';

interface Check {
  readonly name: string;
  readonly run: () => Promise<Ended>;
}

const script = (file: string) => () => tool(process.execPath, ['--import', 'tsx', `scripts/${file}.ts`, '--check']);

const CHECKS: readonly Check[] = [
  { name: 'types', run: () => nodeTool('typescript/bin/tsc', '-p', 'tsconfig.json') },
  {
    name: 'lint',
    run: () =>
      nodeTool('@biomejs/biome/bin/biome', 'ci', '--error-on-warnings', '--diagnostic-level=warn', '--colors=off'),
  },
  { name: 'floors', run: checkFloors },
  { name: 'sizes', run: checkSizes },
  { name: 'proto', run: script('proto') },
  { name: 'compose', run: script('compose') },
  { name: 'docs', run: script('docs') },
  { name: 'lockfile', run: script('lockfile') },
];

async function checkFloors(): Promise<Ended> {
  const { modules, violations } = await floors(ROOT);
  return { code: violations.length === 0 ? 0 : 1, output: [...violations, `${modules} modules`].join('\n') };
}

async function checkSizes(): Promise<Ended> {
  const files = await tooLong(ROOT);
  return { code: files.length === 0 ? 0 : 1, output: files.join('\n') };
}

/** Runs one check, says how it went, and shows the tool's words where it failed. */
async function run(check: Check): Promise<boolean> {
  const started = Date.now();
  const { code, output } = await check.run().catch((error: unknown) => ({ code: 1, output: String(error) }));
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${check.name.padEnd(8)} ${seconds} s`);
  if (code !== 0) console.log(output.trimEnd());
  return code === 0;
}

const waiting = [...CHECKS];
let failed = 0;
async function worker(): Promise<void> {
  for (let check = waiting.shift(); check; check = waiting.shift()) if (!(await run(check))) failed += 1;
}
await Promise.all(Array.from({ length: availableParallelism() }, worker));
if (failed > 0) process.exitCode = 1;
