import type { ServerKey } from '../../core/driver.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Service } from '../../core/proto/broker/v1/Service.ts';
import type { ServicePolicy__Output } from '../../core/proto/broker/v1/ServicePolicy.ts';
import type { ServicesHandlers } from '../../core/proto/broker/v1/Services.ts';
import { fromMillis, fromOptionalMillis, toMillis } from '../../core/rpc.ts';
import { Secret } from '../../core/secret.ts';
import { fromStruct, toStruct } from '../../core/struct.ts';
import type { Caller } from '../caller.ts';
import type { Daemon } from '../daemon.ts';
import type { ServiceChange, ServiceView } from '../services.ts';
import type { Adapter } from './adapt.ts';

export function servicesHandlers(daemon: Daemon, adapt: Adapter): ServicesHandlers {
  const { services, gate, jars, ports } = daemon;
  const visible = (caller: Caller, name: string): ServiceView => {
    const service = services.get(name);
    if (service && gate.visible(caller, name)) return service;
    throw gate.notFound(caller, name);
  };
  const withJar = (caller: Caller, name: string): void => {
    const { kind } = visible(caller, name);
    if (!daemon.drivers.has(kind)) return;
    throw new BrokerError('invalid_argument', `${name}: a service of kind ${kind} keeps no cookies`, {
      hint: 'an HTTP service does, where session_cookies is set',
    });
  };
  return {
    Put: adapt.unary(async (request, { caller }) => {
      const { name, kind } = request;
      const facts = { service: name, kind, detail: { fields: fieldsOf(request) } };
      const service = await daemon.audited('service.put', caller, facts, async () => {
        using change = changeOf(request);
        return await services.put(name, kind, change, request.createOnly);
      });
      await daemon.serviceChanged(name);
      return message(service, ports.failure(name));
    }),
    Set: adapt.unary(async (request, { caller }) => {
      const { name } = request;
      const detail: Record<string, string> = { fields: fieldsOf(request) };
      const service = await daemon.audited('service.set', caller, { service: name, detail }, async () => {
        using change = changeOf(request);
        const set = await services.set(name, change, Number(request.ifRevision) || undefined);
        if (set.dropped.length > 0) detail.dropped = set.dropped.join(' ');
        return set.service;
      });
      await daemon.serviceChanged(name);
      return message(service, ports.failure(name));
    }),
    Get: adapt.unary(async ({ name }, { caller }) => {
      const service = await daemon.watched('service.get', caller, { service: name }, () => visible(caller, name));
      return message(service, ports.failure(name));
    }),
    List: adapt.unary(async (_request, { caller }) => ({
      services: services
        .list()
        .filter((service) => gate.visible(caller, service.name))
        .map((service) => message(service, ports.failure(service.name))),
    })),
    Delete: adapt.unary(async ({ name }, { caller }) => {
      await daemon.audited('service.delete', caller, { service: name }, () => services.delete(name));
      await daemon.serviceChanged(name);
      return {};
    }),
    Trust: adapt.unary(async ({ name, fingerprints }, { caller, signal }) => {
      const { kind, revision } = visible(caller, name);
      const grant = await gate.admit(caller, { action: 'test', service: name });
      using _ = grant;
      const keys = await daemon.sessions.look(caller, grant, signal).catch((thrown: unknown) => {
        throw toBrokerError(thrown).forService(name);
      });
      const unknown = fingerprints.find((wanted) => !keys.some(({ fingerprint }) => fingerprint === wanted));
      if (unknown !== undefined) {
        const has = keys.map(({ fingerprint, type }) => `${fingerprint} (${type})`).join(', ');
        throw new BrokerError('conflict', `${name}: the server has ${has}, and not ${printableName(unknown)}`);
      }
      const chosen = keys.filter(({ fingerprint }) => fingerprints.includes(fingerprint));
      const field = daemon.drivers.get(kind)?.trust?.field;
      if (chosen.length > 0 && field !== undefined && !keys.some(({ pinned }) => pinned)) {
        const detail = { fingerprints: chosen.map(({ fingerprint }) => fingerprint).join(' ') };
        const lines = chosen.map(({ line }) => `${line}\n`).join('');
        await daemon.audited('service.trust', caller, { service: name, kind, detail }, () =>
          services.pin(name, field, lines, revision),
        );
        await daemon.serviceChanged(name);
        return { keys: keys.map((key) => shownKey({ ...key, pinned: chosen.includes(key) })) };
      }
      return { keys: keys.map(shownKey) };
    }),
    Test: adapt.unary(async ({ name }, { caller, signal }) => {
      visible(caller, name);
      const grant = await gate.admit(caller, { action: 'test', service: name });
      using _ = grant;
      const isSession = daemon.drivers.has(services.kindOf(name) ?? '');
      const result = isSession
        ? await daemon.sessions.probe(caller, grant, signal)
        : await daemon.proxy.probe(grant, signal);
      // The other program may have ended meanwhile.
      if (ports.failure(name)) await ports.changed();
      const closed = ports.failure(name);
      const error = (result.error ?? closed)?.forService(name);
      const hops: { name: string; ok: boolean; detail: string; tookMs: number }[] = [...result.hops];
      if (closed) hops.push({ name: 'listen', ok: false, detail: closed.message, tookMs: 0 });
      return {
        ok: !error,
        hops: hops.map(({ name, ok, detail, tookMs }) => ({ name, ok, detail, took: fromMillis(tookMs) })),
        error: error?.message ?? '',
        hint: error?.hint ?? '',
      };
    }),
    ListCookies: adapt.unary(async ({ name }, { caller }) => {
      withJar(caller, name);
      const cookies = jars.list(name).map(({ expiresAt, token, ...cookie }) => ({
        ...cookie,
        expiresAt: fromOptionalMillis(expiresAt),
        token: token ?? '',
      }));
      return { cookies };
    }),
    ClearCookies: adapt.unary(async ({ name }, { caller }) => {
      const detail: Record<string, number> = {};
      const cleared = await daemon.audited('service.clear_cookies', caller, { service: name, detail }, () => {
        withJar(caller, name);
        const count = jars.clear(name);
        detail.cookies = count;
        return count;
      });
      return { cleared };
    }),
  };
}

function shownKey({ type, fingerprint, pinned }: ServerKey) {
  return { type, fingerprint, pinned };
}

/** What a caller sent as a fingerprint may be anything. */
function printableName(text: string): string {
  return /^[A-Za-z0-9:+/=]{1,80}$/.test(text) ? text : 'that';
}

interface ChangeRequest {
  readonly config: Parameters<typeof fromStruct>[0];
  readonly secrets: { readonly [name: string]: Buffer };
  readonly policy: ServicePolicy__Output | null;
}

/** Names only: what the audit log says of a change. */
function fieldsOf({ config, secrets, policy }: ChangeRequest): string {
  return [...Object.keys(fromStruct(config)), ...Object.keys(secrets), ...(policy ? ['policy'] : [])].join(' ');
}

/** Takes the secrets of the request over; disposing the change wipes them. */
function changeOf(request: ChangeRequest): ServiceChange & Disposable {
  const secrets = Object.fromEntries(
    Object.entries(request.secrets).map(([name, bytes]) => {
      if (bytes.length === 0) throw new BrokerError('invalid_argument', `${name} is empty`);
      return [name, Secret.own(bytes)];
    }),
  );
  return {
    config: fromStruct(request.config),
    secrets,
    ...(request.policy && { policy: policyJson(request.policy) }),
    [Symbol.dispose]: () => {
      for (const secret of Object.values(secrets)) secret[Symbol.dispose]();
    },
  };
}

/** As it is stored (`parsePolicy`). */
function policyJson(policy: ServicePolicy__Output): JsonObject {
  const maxLifetimeMs = toMillis(policy.maxLifetime);
  return {
    ...(policy.allowTokens.length > 0 && { allow_tokens: policy.allowTokens }),
    ...(policy.allowUids.length > 0 && { allow_uids: policy.allowUids }),
    ...(policy.maxSessions > 0 && { max_sessions: policy.maxSessions }),
    ...(maxLifetimeMs && { max_lifetime_ms: maxLifetimeMs }),
  };
}

/** `closed`: why its own port is not open. */
function message(service: ServiceView, closed: BrokerError | undefined): Service {
  const { policy } = service;
  return {
    name: service.name,
    kind: service.kind,
    config: toStruct(service.config) as Service['config'] & object,
    secretsSet: [...service.secretsSet],
    policy: {
      allowTokens: [...policy.allowTokens],
      allowUids: [...policy.allowUids],
      maxSessions: policy.maxSessions,
      maxLifetime: fromOptionalMillis(policy.maxLifetimeMs || undefined),
    },
    revision: service.revision,
    createdAt: fromMillis(service.createdAt),
    updatedAt: fromMillis(service.updatedAt),
    target: service.target,
    listenError: closed?.message ?? '',
  };
}
