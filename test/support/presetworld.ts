import type { BrokerClient } from '../../src/cli/connect.ts';
import { httpVariables } from '../../src/cli/reach.ts';
import { gitVariables } from '../../src/cli/variables.ts';
import { fromStruct, toStruct } from '../../src/core/struct.ts';
import { HttpWorld, type Upstream } from './httpworld.ts';

export const KEY = 'real-key-of-the-provider-0123456789';

/** What a client of a service that was made from a preset finds in its environment. */
export type Environment = Readonly<Record<string, string>>;

/** Services made from presets, whose hosts are servers on this machine: only the origin of the base URL is another. */
export class PresetWorld implements AsyncDisposable {
  readonly http: HttpWorld;
  readonly admin: BrokerClient;

  private constructor(http: HttpWorld, admin: BrokerClient) {
    this.http = http;
    this.admin = admin;
  }

  static async start(): Promise<PresetWorld> {
    const http = await HttpWorld.start();
    return new PresetWorld(http, await http.daemon.admin());
  }

  /** @returns the base URL as the preset has it, and the environment that `broker env` would print. */
  async add(
    name: string,
    upstream: Upstream,
    fields: Readonly<Record<string, string>> = {},
    secrets: Readonly<Record<string, string>> = {},
  ): Promise<{ base: string; env: Environment; token: string }> {
    const preset = (await this.admin.presets.list({})).presets.find((known) => known.name === name);
    if (!preset) throw new Error(`there is no preset ${name}`);
    const config = { ...fromStruct(preset.config), ...fields };
    const base = String(config.base_url);
    const path = new URL(base).pathname.replace(/\/$/, '');
    const record = await this.admin.services.put({
      name,
      kind: preset.kind,
      config: toStruct({
        ...config,
        preset: name,
        base_url: `${upstream.secure}${path}`,
        allow_private: true,
        ca: this.http.certificates.ca.cert,
      }) as object,
      secrets: Object.fromEntries(
        Object.entries({ [preset.credential?.field ?? '']: KEY, ...secrets }).map(([field, text]) => [
          field,
          Buffer.from(text),
        ]),
      ),
    });
    const token = await this.http.daemon.proxyToken(`env-${name}`, name, ['http']);
    const { set, git } = await httpVariables(this.admin, record, this.http.daemon.http, token);
    return { base, env: { ...set, ...gitVariables(git, {}) }, token };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.http[Symbol.asyncDispose]();
  }
}
