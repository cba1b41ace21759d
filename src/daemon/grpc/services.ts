import { BrokerError } from '../../core/errors.ts';
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
  const { services, gate } = daemon;
  const visible = (caller: Caller, name: string): ServiceView => {
    const service = services.get(name);
    if (service && gate.visible(caller, name)) return service;
    throw gate.notFound(caller, name);
  };
  return {
    Put: adapt.unary(async (request, { caller }) => {
      const change = changeOf(request);
      const { name, kind } = request;
      const detail = { fields: [...Object.keys(change.config), ...Object.keys(change.secrets)].join(' ') };
      const service = await daemon.audited('service.put', caller, { service: name, kind, detail }, () =>
        services.put(name, kind, change, request.createOnly),
      );
      await daemon.serviceChanged(name);
      return message(service);
    }),
    Set: adapt.unary(async (request, { caller }) => {
      const change = changeOf(request);
      const { name } = request;
      const detail = { fields: [...Object.keys(change.config), ...Object.keys(change.secrets)].join(' ') };
      const { service } = await daemon.audited('service.set', caller, { service: name, detail }, () =>
        services.set(name, change, Number(request.ifRevision) || undefined),
      );
      await daemon.serviceChanged(name);
      return message(service);
    }),
    Get: adapt.unary(async ({ name }, { caller }) => message(visible(caller, name))),
    List: adapt.unary(async (_request, { caller }) => ({
      services: services
        .list()
        .filter((service) => gate.visible(caller, service.name))
        .map(message),
    })),
    Delete: adapt.unary(async ({ name }, { caller }) => {
      await daemon.audited('service.delete', caller, { service: name }, () => services.delete(name));
      await daemon.serviceChanged(name);
      return {};
    }),
    Test: adapt.unary(async ({ name }, { caller, signal }) => {
      visible(caller, name);
      const grant = await gate.admit(caller, { action: 'test', service: name });
      using _ = grant;
      const result = await daemon.sessions.probe(grant, signal);
      const error = result.error?.forService(name);
      return {
        ok: !error,
        hops: result.hops.map((hop) => ({
          name: hop.name,
          ok: hop.ok,
          detail: hop.detail,
          took: fromMillis(hop.tookMs),
        })),
        error: error?.message ?? '',
        hint: error?.hint ?? '',
      };
    }),
  };
}

function changeOf(request: {
  config: Parameters<typeof fromStruct>[0];
  secrets: { [name: string]: Buffer };
  policy: ServicePolicy__Output | null;
}): ServiceChange {
  const secrets = Object.fromEntries(
    Object.entries(request.secrets).map(([name, bytes]) => {
      if (bytes.length === 0) throw new BrokerError('invalid_argument', `${name} is empty`);
      return [name, Secret.own(bytes)];
    }),
  );
  return { config: fromStruct(request.config), secrets, ...(request.policy && { policy: policyJson(request.policy) }) };
}

function policyJson(policy: ServicePolicy__Output): JsonObject {
  const maxLifetimeMs = toMillis(policy.maxLifetime);
  return {
    ...(policy.allowTokens.length > 0 && { allowTokens: policy.allowTokens }),
    ...(policy.allowUids.length > 0 && { allowUids: policy.allowUids }),
    ...(policy.maxSessions > 0 && { maxSessions: policy.maxSessions }),
    ...(maxLifetimeMs && { maxLifetimeMs }),
  };
}

function message(service: ServiceView): Service {
  const { policy } = service;
  return {
    name: service.name,
    kind: service.kind,
    config: toStruct(service.config) as Service['config'] & object,
    secretsSet: [...service.secretsSet],
    policy: {
      allowTokens: [...policy.allowTokens],
      allowUids: [...policy.allowUids],
      maxSessions: policy.maxSessions ?? 0,
      maxLifetime: fromOptionalMillis(policy.maxLifetimeMs),
    },
    revision: service.revision,
    createdAt: fromMillis(service.createdAt),
    updatedAt: fromMillis(service.updatedAt),
    target: service.target,
  };
}
