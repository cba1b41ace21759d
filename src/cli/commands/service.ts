import { BrokerError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Service__Output } from '../../core/proto/broker/v1/Service.ts';
import { toMillis } from '../../core/rpc.ts';
import { fromStruct } from '../../core/struct.ts';
import { adminClient } from '../admin.ts';
import { advise, print, printable, printJson, say, sayError, table } from '../output.ts';
import { openClient } from '../place.ts';
import { policyToJson } from '../policy.ts';

interface Options {
  readonly json?: boolean;
  readonly passwordFile?: string;
}

export async function list(options: Options): Promise<number> {
  using client = openClient();
  const { services } = await client.services.list({});
  if (options.json) printJson(services.map(shown));
  else
    print(
      table(
        ['NAME', 'KIND', 'TARGET'],
        services.map(({ name, kind, target }) => [name, kind, target]),
      ),
    );
  if (services.length === 0) advise('to add one: broker service add NAME --kind postgres --host HOST --user USER ...');
  return 0;
}

export async function show(name: string, options: Options): Promise<number> {
  using client = openClient();
  const service = await client.services.get({ name });
  if (options.json) {
    printJson(shown(service));
    return 0;
  }
  const text = (value: unknown): string => (typeof value === 'string' ? value.trimEnd() : JSON.stringify(value));
  const rows = [
    ['kind', service.kind],
    ...Object.entries(fromStruct(service.config)).map(([field, value]) => [field, text(value)]),
    ...service.secretsSet.map((secret) => [secret, '(set)']),
    ...Object.entries(policyToJson(service.policy)).map(([field, value]) => [field, text(value)]),
  ];
  const brief = rows.map(([field = '', value = '']) => [
    field,
    value.includes('\n') ? `${value.split('\n').length} lines, see --json` : value,
  ]);
  print(table(['FIELD', 'VALUE'], brief));
  warnClosed(service);
  return 0;
}

export async function remove(name: string, options: Options): Promise<number> {
  using client = await adminClient(options.passwordFile);
  await client.services.delete({ name });
  say(`${name}: deleted, and its sessions are ended`);
  return 0;
}

/** `broker service test NAME`: a line per hop; exit 7 when a hop fails. */
export async function test(name: string, options: Options): Promise<number> {
  using client = await adminClient(options.passwordFile);
  const result = await client.services.test({ name });
  if (options.json) {
    const hops = result.hops.map((hop) => ({ hop: hop.name, ok: hop.ok, detail: hop.detail, ms: toMillis(hop.took) }));
    printJson({
      ok: result.ok,
      hops,
      ...(result.error && { error: result.error }),
      ...(result.hint && { hint: result.hint }),
    });
  } else {
    const width = Math.max(5, ...result.hops.map(({ name }) => name.length));
    for (const hop of result.hops)
      print(`${hop.ok ? 'ok  ' : 'FAIL'}  ${hop.name.padEnd(width)} ${printable(hop.detail)}`);
    if (result.error) sayError(new BrokerError('upstream_refused', result.error, { hint: result.hint }));
  }
  return result.ok ? 0 : 7;
}

/** A service may be stored though its own port is another program's: it would be looked for there in vain. */
export function warnClosed({ name, listenError }: Service__Output): void {
  if (listenError) say(`note: ${name} is stored, but not reached on its own port: ${listenError}`);
}

/** A service as --json prints it, and as `service add -f` reads it: stable names, no secrets. */
export function shown(service: Service__Output): JsonObject {
  return {
    name: service.name,
    kind: service.kind,
    config: fromStruct(service.config),
    secrets_set: service.secretsSet,
    policy: policyToJson(service.policy),
    target: service.target,
    ...(service.listenError && { listen_error: service.listenError }),
    revision: Number(service.revision),
    updated_at: new Date(toMillis(service.updatedAt) ?? 0).toISOString(),
  };
}
