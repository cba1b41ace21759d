import { BrokerError } from '../../core/errors.ts';
import { isJsonObject } from '../../core/json.ts';
import type { AuditRecord__Output } from '../../core/proto/broker/v1/AuditRecord.ts';
import { fromMillis, toMillis } from '../../core/rpc.ts';
import { adminClient } from '../admin.ts';
import { formatDuration, parseDuration } from '../duration.ts';
import { print, printable, printJson, say } from '../output.ts';

interface QueryOptions {
  readonly since?: string;
  readonly until?: string;
  readonly service?: string;
  readonly action?: string;
  readonly outcome?: string;
  readonly limit?: string;
  readonly follow?: boolean;
  readonly json?: boolean;
  readonly passwordFile?: string;
}

export async function query(options: QueryOptions): Promise<number> {
  if (options.limit !== undefined && !/^\d{1,9}$/.test(options.limit))
    throw new BrokerError('invalid_argument', `--limit ${options.limit} is not a number`);
  const request = {
    since: timeOf(options.since, '--since'),
    until: timeOf(options.until, '--until'),
    service: options.service ?? '',
    action: options.action ?? '',
    outcome: options.outcome ?? '',
    limit: Number(options.limit ?? 0),
    follow: options.follow ?? false,
  };
  using client = await adminClient(options.passwordFile);
  for await (const record of client.audit.query(request)) print(options.json ? record.line : sentence(record));
  return 0;
}

export async function verify(options: { json?: boolean; passwordFile?: string }): Promise<number> {
  using client = await adminClient(options.passwordFile);
  const { ok, records, unsealed, problem } = await client.audit.verify({});
  if (options.json)
    printJson({ ok, records: Number(records), unsealed: Number(unsealed), ...(problem && { problem }) });
  else if (ok)
    print(
      `ok: ${records} records, the chain is whole${Number(unsealed) > 0 ? `; the last ${unsealed} are not sealed yet` : ''}`,
    );
  else say(`broker: the audit log is not as it was written: ${problem}`);
  return ok ? 0 : 1;
}

/** Details that say what was done: an HTTP request, a command's words, a file and the way it went. */
const DEEDS = ['method', 'direction', 'access', 'path', 'argv', 'status', 'exitCode', 'exitSignal'];

/** @param line a record as it stands in the log. */
export function deedOf(line: string): string {
  const record: unknown = JSON.parse(line);
  if (!isJsonObject(record) || !isJsonObject(record.detail)) return '';
  const { detail } = record;
  return DEEDS.flatMap((name) => {
    const value = detail[name];
    if (value === undefined) return [];
    return name.startsWith('exit') ? [`exit ${value}`] : [String(value)];
  }).join(' ');
}

/** One line for people. */
function sentence(record: AuditRecord__Output): string {
  const time = new Date(toMillis(record.time) ?? 0).toISOString();
  const who = [record.token || record.transport, record.uid === undefined ? '' : `uid ${record.uid}`, record.executable]
    .filter(Boolean)
    .join(', ');
  const took = toMillis(record.duration);
  const bytes = record.action === 'session.end' ? `${record.bytesUp} bytes up, ${record.bytesDown} down` : '';
  const facts = [
    record.service,
    deedOf(record.line),
    record.code,
    record.message,
    bytes,
    took ? formatDuration(took) : '',
    record.reason ? `"${record.reason}"` : '',
  ].filter(Boolean);
  return printable(
    `${time}  ${record.outcome.padEnd(6)}  ${record.action.padEnd(16)}  ${who}  ${facts.join('; ')}`.trimEnd(),
  );
}

function timeOf(text: string | undefined, flag: string): ReturnType<typeof fromMillis> | null {
  if (text === undefined) return null;
  const at = /^\d{4}-/.test(text) ? Date.parse(text) : Date.now() - parseDuration(text, flag);
  if (Number.isNaN(at))
    throw new BrokerError(
      'invalid_argument',
      `${flag} ${text} is neither a time such as 2026-01-31T10:00Z nor a duration such as 2h`,
    );
  return fromMillis(at);
}
