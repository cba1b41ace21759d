import type { TestContext } from 'node:test';
import type { AuditEvent } from '../../../src/core/audit.ts';
import type { BrokerError } from '../../../src/core/errors.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { AuditLog } from '../../../src/daemon/audit/log.ts';
import { Gate } from '../../../src/daemon/gate.ts';
import { parsePolicy } from '../../../src/daemon/policy.ts';
import type { Vault } from '../../../src/vault/vault.ts';
import { authority, NEVER, newVault, text } from '../vault/home.ts';
import { ManualClock } from './time.ts';

export const OPEN_ALL = [{ services: '*', actions: ['open'] as const }];

export interface Scene {
  readonly vault: Vault;
  readonly home: string;
  readonly clock: ManualClock;
  readonly audit: AuditLog;
  readonly gate: Gate;
  put(name: string, policy?: JsonObject): Promise<void>;
  remove(name: string): Promise<void>;
  events(): Promise<AuditEvent[]>;
}

/** A gate before a real vault with the services app-db and web, and a real audit log. */
export async function scene(t: TestContext): Promise<Scene> {
  const { vault, home } = await newVault(t);
  const clock = new ManualClock();
  const audit = await AuditLog.open({ folder: `${home}/audit`, vault, clock });
  t.after(() => audit.close());
  const services = {
    names: () => vault.list('service').map(({ name }) => name),
    policy: (name: string) => {
      const record = vault.get('service', name);
      return record && parsePolicy(record.fields);
    },
    carries: (name: string) => (name === 'web' ? ['app-*'] : []),
  };
  const put = async (name: string, fields: JsonObject = {}): Promise<void> => {
    using secret = text('hunter2');
    await vault.write([{ type: 'put', collection: 'service', name, fields, secrets: { password: secret } }]);
  };
  await put('app-db');
  await put('web');
  const remove = async (name: string): Promise<void> => {
    await vault.write([{ type: 'delete', collection: 'service', name }]);
  };
  const events = async (): Promise<AuditEvent[]> => {
    const all: AuditEvent[] = [];
    for await (const { event } of audit.query({}, NEVER)) all.push(event);
    return all;
  };
  const gate = new Gate({ authority, services, audit, vault, clock });
  return { vault, home, clock, audit, gate, put, remove, events };
}

/** Why a signal is aborted; undefined while it is not. */
export function reason(signal: AbortSignal): string | undefined {
  return signal.aborted ? (signal.reason as BrokerError).message : undefined;
}
