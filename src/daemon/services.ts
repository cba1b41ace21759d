import { closest } from '../core/config.ts';
import { BrokerError } from '../core/errors.ts';
import { fileRefOf, fileRefs, withoutLineEnd } from '../core/fileref.ts';
import type { Grant } from '../core/grant.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Kind } from '../core/kind.ts';
import { LIFETIME_MS, MAX_LIVE_UPSTREAMS } from '../core/limits.ts';
import { Secret } from '../core/secret.ts';
import type { StoredRecord, Vault } from '../vault/vault.ts';
import { parsePolicy, type ServicePolicy } from './policy.ts';
import { changedFields, knownSecrets, type ServiceGrants } from './servicechange.ts';
import { carriedBy, checkWay, viaOf } from './sessions/via.ts';

/** A service without its secrets: what may be listed and shown. */
export interface ServiceView {
  readonly name: string;
  readonly kind: string;
  readonly config: JsonObject;
  readonly secretsSet: readonly string[];
  readonly policy: ServicePolicy;
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly target: string;
}

/** A service with its secrets, for one opening: whoever resolved it disposes them once the upstream is authenticated. */
export interface ResolvedService {
  readonly name: string;
  readonly kind: string;
  readonly config: unknown;
  readonly policy: { readonly maxSessions: number; readonly maxLifetimeMs: number };
  readonly revision: number;
}

export interface ServiceChange {
  readonly config: JsonObject;
  readonly secrets: Readonly<Record<string, Secret>>;
  readonly policy?: JsonObject;
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$/;

/** Service records: validated by their kind's ConfigSpec on the way in, parsed again on the way out. */
export class Services {
  readonly #vault: Vault;
  readonly #kinds: ReadonlyMap<string, Kind>;
  readonly #grants: ServiceGrants;

  constructor(vault: Vault, kinds: ReadonlyMap<string, Kind>, grants: ServiceGrants) {
    this.#vault = vault;
    this.#kinds = kinds;
    this.#grants = grants;
  }

  /** Names of the services that refer to a stored file. @throws BrokerError `locked`. */
  usersOf(file: string): string[] {
    const uses = ({ config }: ServiceView): boolean => [...fileRefs(config).values()].includes(file);
    return this.list()
      .filter(uses)
      .map((service) => service.name);
  }

  /** @throws BrokerError `locked`. */
  names(): string[] {
    return this.#vault.list('service').map((record) => record.name);
  }

  get(name: string): ServiceView | undefined {
    const record = this.#vault.get('service', name);
    return record && this.#view(record);
  }

  /** undefined where there is no such service. @throws BrokerError `locked`. */
  policy(name: string): ServicePolicy | undefined {
    return this.get(name)?.policy;
  }

  /** Globs on the names of the services that may be reached through it. @throws BrokerError `locked`. */
  carries(name: string): readonly string[] {
    return carriedBy(this.get(name)?.config);
  }

  kindOf(name: string): string | undefined {
    return this.get(name)?.kind;
  }

  list(): ServiceView[] {
    return this.#vault.list('service').map((record) => this.#view(record));
  }

  /**
   * Creates or replaces a service.
   * @throws BrokerError `invalid_argument` naming every bad field; `already_exists` with createOnly; `locked`.
   */
  async put(name: string, kind: string, change: ServiceChange, createOnly: boolean): Promise<ServiceView> {
    if (!NAME.test(name)) {
      throw new BrokerError(
        'invalid_argument',
        'name must be 1 to 128 characters of a-z A-Z 0-9 . _ -, the first a letter or digit',
      );
    }
    const found = this.#kind(kind);
    const secrets = knownSecrets(found, change.secrets);
    using known = this.#known(name, change.config, secrets, []);
    const config = found.config.validate(change.config, Object.keys(secrets), known.secrets);
    this.#checkFiles(config, Object.keys(secrets));
    const policy = change.policy ?? {};
    parsePolicy(policy);
    if (createOnly && this.#vault.get('service', name)) {
      throw new BrokerError('already_exists', `${name}: there is a service of this name already`, {
        hint: `to change it: broker service set ${name} --FIELD VALUE`,
      });
    }
    this.#checkWay(name, config);
    this.#checkListen(name, config);
    const fields: JsonObject = { kind, config, policy };
    const ifRevision = createOnly ? { ifRevision: 0 } : {};
    const [record] = await this.#vault.write([
      { type: 'put', collection: 'service', name, fields, secrets, ...ifRevision },
    ]);
    return this.#view(record as StoredRecord);
  }

  /**
   * Changes the named fields; null removes one. Secrets stay, unless a field that says where they go changes and they do
   * not come in the same call (MECHANISMS §1).
   * @returns the service, and the names of the secrets that were dropped.
   */
  async set(
    name: string,
    change: ServiceChange,
    ifRevision?: number,
  ): Promise<{ service: ServiceView; dropped: string[] }> {
    const record = this.#vault.get('service', name);
    if (!record) throw new BrokerError('not_found', `there is no service ${name}`);
    const before = this.#view(record);
    const kind = this.#kind(before.kind);
    const given = knownSecrets(kind, change.secrets);
    const merged: Record<string, JsonObject[string]> = { ...before.config };
    for (const [field, value] of Object.entries(change.config)) {
      if (value === null) delete merged[field];
      else merged[field] = value;
    }
    // A secret takes the place of the file that was referred to, and the other way round.
    for (const secret of Object.keys(given))
      if (change.config[fileRefOf(secret)] === undefined) delete merged[fileRefOf(secret)];
    const redirected = changedFields(kind, before.config, merged).filter((f) => kind.config.redirects.includes(f));
    const named = fileRefs(merged);
    const kept =
      redirected.length === 0 ? before.secretsSet.filter((secret) => !given[secret] && !named.has(secret)) : [];
    const dropped = before.secretsSet.filter(
      (secret) => !given[secret] && !named.has(secret) && !kept.includes(secret),
    );
    for (const secret of redirected.length === 0 ? [] : named.keys()) {
      if (change.config[fileRefOf(secret)] !== undefined) continue;
      delete merged[fileRefOf(secret)];
      dropped.push(secret);
    }
    const brings = Object.keys(given).length > 0 || fileRefs(change.config).size > 0;
    using known = brings ? this.#known(name, merged, given, kept) : undefined;
    let config: JsonObject;
    try {
      config = kind.config.validate(merged, [...Object.keys(given), ...kept], known?.secrets);
    } catch (error) {
      if (!(error instanceof BrokerError) || dropped.length === 0) throw error;
      throw new BrokerError(
        'invalid_argument',
        `${error.message}; changing ${redirected.join(', ')} drops the stored ${dropped.join(', ')}, since it could go to somebody else`,
        {
          hint: `give it in the same command: --${dropped[0]?.replaceAll('_', '-')}-stdin`,
        },
      );
    }
    this.#checkWay(name, config);
    this.#checkListen(name, config);
    this.#checkFiles(config, Object.keys(given));
    const policy = change.policy ?? policyOf(record);
    parsePolicy(policy);
    const secrets: Record<string, Secret | 'keep'> = { ...given };
    for (const secret of kept) secrets[secret] = 'keep';
    const fields: JsonObject = { kind: before.kind, config, policy };
    const [written] = await this.#vault.write([
      { type: 'put', collection: 'service', name, fields, secrets, ifRevision: ifRevision ?? record.revision },
    ]);
    return { service: this.#view(written as StoredRecord), dropped };
  }

  /**
   * Sets a field that was not set, and leaves all else as it is, secrets too: where nothing was pinned nothing was sent.
   * @throws BrokerError `conflict` when the record changed meanwhile; `invalid_argument`.
   */
  async pin(name: string, field: string, value: string, ifRevision: number): Promise<ServiceView> {
    const record = this.#vault.get('service', name);
    if (!record) throw new BrokerError('not_found', `there is no service ${name}`);
    const { kind, config: before, secretsSet } = this.#view(record);
    if (before[field] !== undefined) throw new BrokerError('conflict', `${field} is set already`);
    const config = this.#kind(kind).config.validate({ ...before, [field]: value }, [...secretsSet], {});
    const secrets = Object.fromEntries(secretsSet.map((secret) => [secret, 'keep' as const]));
    const fields: JsonObject = { kind, config, policy: policyOf(record) };
    const [written] = await this.#vault.write([
      { type: 'put', collection: 'service', name, fields, secrets, ifRevision },
    ]);
    return this.#view(written as StoredRecord);
  }

  /**
   * Stores a refresh token that was got for the service, and where access tokens are given out for it if that was not said
   * yet. Everything else stays, the other secrets included: it is the issuer that an admin named which says so.
   * @param options.ifRevision as it was when the login began; undefined: as it is.
   * @throws BrokerError `conflict` when the service was changed meanwhile, `not_found`.
   */
  async adopt(
    name: string,
    refreshToken: Secret,
    options: { readonly tokenUrl?: string; readonly ifRevision?: number } = {},
  ): Promise<void> {
    const record = this.#vault.get('service', name);
    if (!record) throw new BrokerError('not_found', `there is no service ${name}`);
    const { kind, config: before } = this.#view(record);
    const { [fileRefOf('refresh_token')]: _, ...config } = before;
    const { tokenUrl, ifRevision = record.revision } = options;
    const fields: JsonObject = {
      kind,
      config: { ...config, ...(config.token_url === undefined && tokenUrl !== undefined && { token_url: tokenUrl }) },
      policy: policyOf(record),
    };
    const kept = record.secrets.filter((secret) => secret !== 'refresh_token');
    const secrets = {
      ...Object.fromEntries(kept.map((secret) => [secret, 'keep' as const])),
      refresh_token: refreshToken,
    };
    await this.#vault.write([{ type: 'put', collection: 'service', name, fields, secrets, ifRevision }]);
  }

  /** @throws BrokerError `not_found`; `conflict` naming the services that are reached through it. */
  async delete(name: string): Promise<void> {
    if (!this.#vault.get('service', name)) throw new BrokerError('not_found', `there is no service ${name}`);
    const behind = this.list().filter(({ config }) => viaOf(config) === name);
    if (behind.length > 0) {
      const names = behind.map((service) => service.name).join(', ');
      throw new BrokerError('conflict', `${name} is the way to ${names} (via)`, {
        hint: 'give them another via, or remove them first',
      });
    }
    await this.#vault.write([{ type: 'delete', collection: 'service', name }]);
  }

  /** The service of a grant, with its secrets. @throws BrokerError `denied` when the grant is not good (any more). */
  resolve(grant: Grant): ResolvedService {
    const record = this.#vault.get('service', grant.subject.name);
    if (!record) throw new BrokerError('not_found', `there is no service ${grant.subject.name}`);
    const view = this.#view(record);
    const { config } = this.#kind(view.kind);
    const secrets = new Map<string, Secret>();
    for (const name of view.secretsSet) secrets.set(name, this.#vault.reveal(grant, name));
    for (const [name, file] of fileRefs(view.config)) secrets.set(name, this.#fromFile(grant, file));
    const { kind, revision } = view;
    // How many sessions there may be is the gate's to count; this bounds their connections and the spares.
    const policy = { maxSessions: MAX_LIVE_UPSTREAMS, maxLifetimeMs: view.policy.maxLifetimeMs || LIFETIME_MS };
    return { name: view.name, kind, policy, revision, config: config.parse(view.config, secrets) };
  }

  #checkListen(name: string, { listen }: JsonObject): void {
    const other =
      listen !== undefined && this.list().find((each) => each.name !== name && each.config.listen === listen);
    if (other) throw new BrokerError('conflict', `listen: ${listen} is the port of ${other.name} already`);
  }

  #checkWay(name: string, config: JsonObject): void {
    const carrying = [...this.#kinds.values()].filter(({ carries }) => carries).map(({ kind }) => kind);
    checkWay(name, config, (other) => this.get(other), carrying);
  }

  /** What is there to be looked at before it is stored: what came, and what stays and belongs to it. */
  #known(name: string, config: JsonObject, given: Readonly<Record<string, Secret>>, kept: readonly string[]) {
    using grant = this.#grants.check(name);
    const stored: Record<string, Secret> = {};
    for (const secret of kept) stored[secret] = this.#vault.reveal(grant, secret);
    for (const [secret, file] of fileRefs(config))
      if (this.#vault.get('file', file)) stored[secret] = this.#fromFile(grant, file);
    return {
      secrets: { ...stored, ...given },
      [Symbol.dispose]: () => Object.values(stored).forEach((secret) => void secret[Symbol.dispose]()),
    };
  }

  #fromFile(grant: Grant, file: string): Secret {
    using lent = this.#grants.lend(grant, { collection: 'file', name: file });
    using content = this.#vault.reveal(lent, 'content');
    return Secret.own(content.use(withoutLineEnd));
  }

  #checkFiles(config: JsonObject, given: readonly string[]): void {
    for (const [secret, file] of fileRefs(config)) {
      const field = fileRefOf(secret);
      if (given.includes(secret))
        throw new BrokerError('invalid_argument', `${secret} and ${field} are two ways to say the same; give one`);
      if (this.#vault.get('file', file)) continue;
      throw new BrokerError('invalid_argument', `${field}: there is no stored file ${file}`, {
        hint: `to store it: broker file put ${file} PATH`,
      });
    }
  }

  #kind(kind: string): Kind {
    const found = this.#kinds.get(kind);
    if (found) return found;
    const near = closest(kind, [...this.#kinds.keys()]);
    const known = [...this.#kinds.keys()].join(', ');
    throw new BrokerError(
      'invalid_argument',
      `kind "${kind}" is not known${near ? ` (did you mean ${near}?)` : ''}; the kinds are ${known}`,
    );
  }

  #view(record: StoredRecord): ServiceView {
    const kind = typeof record.fields.kind === 'string' ? record.fields.kind : '';
    const config = isJsonObject(record.fields.config) ? record.fields.config : {};
    const found = this.#kind(kind);
    const via = viaOf(config);
    return {
      name: record.name,
      kind,
      config,
      secretsSet: record.secrets,
      policy: parsePolicy(policyOf(record)),
      revision: record.revision,
      createdAt: record.createdAt,
      updatedAt: record.updatedAt,
      target: `${found.describe(found.config.preview(config))}${via === undefined ? '' : ` via ${via}`}`,
    };
  }
}

function policyOf(record: StoredRecord): JsonObject {
  return isJsonObject(record.fields.policy) ? record.fields.policy : {};
}
