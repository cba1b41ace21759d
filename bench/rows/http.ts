import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import autocannon from 'autocannon';
import { median, ms, type Row, ratioOf, rounds, timed } from '../measure.ts';
import { mitmdump, nginx } from '../peers/peers.ts';
import { residentKb, type Stage } from '../stage.ts';

const LOADS = [1, 32] as const;
const BODY_BYTES = 200 * 1024 * 1024;
const MAX_GROWTH_MB = 16;

interface Target {
  readonly url: string;
  readonly headers: Record<string, string>;
}

interface Result {
  readonly requests: number;
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
  readonly failed: number;
}

/** Requests a second and their latency through broker, beside the barest pass-through; large bodies, and what they cost. */
export async function httpRows(stage: Stage, count: number): Promise<Row[]> {
  const server = join(import.meta.dirname, '../peers/httpserver.ts');
  const bare = join(import.meta.dirname, '../peers/httpbare.ts');
  const upstream = await started(stage, [server]);
  const barePort = await started(stage, [bare, String(upstream)]);
  const targets: Record<string, Target> = {
    direct: { url: `http://127.0.0.1:${upstream}`, headers: {} },
    bare: { url: `http://127.0.0.1:${barePort}`, headers: {} },
    broker: await serviceAt(stage, upstream),
  };
  for (const [name, start] of Object.entries({ nginx, mitmdump })) {
    const port = await start(stage, upstream);
    if (port !== undefined) targets[name] = { url: `http://127.0.0.1:${port}`, headers: {} };
  }
  const rows: Row[] = [];
  for (const connections of LOADS) {
    const candidates = Object.fromEntries(
      Object.entries(targets).map(([name, target]) => [name, () => load(target, connections)]),
    );
    const runs = await rounds(count, candidates);
    const rate = (name: string): number[] => (runs[name] ?? []).map((run) => run.rate);
    const ratio = ratioOf(rate('broker'), rate('bare'));
    const detail = Object.entries(runs).map(([name, results]) => {
      const failed = results.reduce((sum, each) => sum + each.failed, 0);
      if (failed > 0 && name === 'broker') throw new Error(`broker: ${failed} requests failed`);
      const of = (pick: (result: Result) => number): number => median(results.map(pick));
      const told = failed > 0 ? ` (${failed} failed)` : '';
      return `${name} ${of((r) => r.rate).toFixed(0)}/s, p50 ${ms(of((r) => r.p50))}, p99 ${ms(of((r) => r.p99))}${told}`;
    });
    const target = connections === 32 ? { target: '>= 0.85', met: ratio >= 0.85 } : { target: '-' };
    const what = `HTTP requests, ${connections} connection${connections > 1 ? 's' : ''}`;
    rows.push({ what, versus: 'bare pass-through', ratio, ...target, detail: detail.join('; ') });
  }
  return [...rows, ...(await bodyRows(stage, targets))];
}

/** Has the stage's broker in front of what listens on a port of this machine. */
export async function serviceAt(stage: Stage, port: number): Promise<Target> {
  const config = { base_url: `http://127.0.0.1:${port}`, allow_private: true, allow_plaintext: true };
  await stage.put('bench-http', 'bearer', config, { token: 'a-secret-of-the-bench' });
  const grants = [{ services: 'bench-http', actions: ['http'] }];
  const { text } = await stage.client.tokens.create({ name: 'bench-http', scope: 'proxy', grants });
  const { http } = await stage.client.vault.status({});
  return { url: `${http}/proxy/bench-http`, headers: { 'x-broker-token': text } };
}

async function bodyRows(stage: Stage, { broker, bare }: Record<string, Target>): Promise<Row[]> {
  if (!broker || !bare) return [];
  const file = join(stage.folder, 'body');
  await writeFile(file, Buffer.alloc(BODY_BYTES, 'x'));
  const rows: Row[] = [];
  for (const [what, move] of [
    ['200 MB down', (target: Target) => download(target)],
    ['200 MB up', (target: Target) => upload(target, file)],
  ] as const) {
    await move(broker); // warms up
    const before = await residentKb(stage.daemonPid);
    let peak = before;
    const look = setInterval(() => {
      residentKb(stage.daemonPid).then(
        (kb) => {
          peak = Math.max(peak, kb);
        },
        () => undefined,
      );
    }, 50);
    const took = await timed(() => move(broker));
    clearInterval(look);
    const bareTook = await timed(() => move(bare));
    const grown = (peak - before) / 1024;
    rows.push({
      what: `${what}, resident memory`,
      versus: 'before',
      target: `+ ${MAX_GROWTH_MB} MB at most`,
      met: grown <= MAX_GROWTH_MB,
      detail: `+ ${grown.toFixed(1)} MB; broker ${ms(took)}, bare ${ms(bareTook)}`,
    });
  }
  return rows;
}

export async function load({ url, headers }: Target, connections: number): Promise<Result> {
  const result = await autocannon({ url: `${url}/x`, headers, connections, duration: 3, workers: 0 });
  const failed = result.non2xx + result.errors;
  return {
    requests: result.requests.total,
    rate: result.requests.average,
    p50: result.latency.p50,
    p99: result.latency.p99,
    failed,
  };
}

async function download({ url, headers }: Target): Promise<void> {
  const asked = request(`${url}/down/${BODY_BYTES}`, { headers }).end();
  const [answer] = await once(asked, 'response');
  let bytes = 0;
  for await (const chunk of answer) bytes += Buffer.isBuffer(chunk) ? chunk.length : 0;
  if (bytes !== BODY_BYTES) throw new Error(`only ${bytes} bytes came`);
}

async function upload({ url, headers }: Target, file: string): Promise<void> {
  const asked = request(`${url}/up`, { method: 'POST', headers: { ...headers, 'content-length': BODY_BYTES } });
  const answered = once(asked, 'response');
  await pipeline(createReadStream(file), asked);
  const [answer] = await answered;
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  if (text !== String(BODY_BYTES)) throw new Error(`it got ${text} bytes`);
}

export async function started(stage: Stage, args: readonly string[]): Promise<number> {
  const child = stage.helper(process.execPath, ['--import', 'tsx', ...args]);
  if (!child.stdout) throw new Error('a helper has no output');
  const [line] = await once(child.stdout, 'data');
  return Number(String(line));
}
