import type { Preset__Output } from '../core/proto/broker/v1/Preset.ts';
import { shellQuote } from '../core/shell.ts';

/** What a client's environment must be for it to come through broker. */
export interface Variables {
  readonly set: Readonly<Record<string, string>>;
  /** Variables that would override those, or lead past broker. */
  readonly unset: readonly string[];
  /** Settings of git, in order. */
  readonly git: readonly (readonly [key: string, value: string])[];
}

/** An HTTP service as its clients reach it. */
export interface Reached {
  readonly service: string;
  /** `http://127.0.0.1:8390/proxy/NAME`, without a last slash. */
  readonly url: string;
  readonly token: string;
  /** The service's own base URL, as it is configured. */
  readonly base: string;
}

type Templates = Pick<Preset__Output, 'env' | 'unset' | 'placeholder'> & {
  readonly gitConfig: readonly { readonly key: string; readonly value: string }[];
};

/** The variables of a service that was made from a preset. */
export function presetVariables(preset: Templates, reached: Reached): Variables {
  const values: Readonly<Record<string, string>> = {
    url: reached.url,
    token: reached.token,
    placeholder: preset.placeholder.replace('{token}', () => reached.token),
    service: reached.service,
    base: reached.base.replace(/\/$/, ''),
    base_host: URL.canParse(reached.base) ? new URL(reached.base).host : '',
  };
  // The daemon has checked that templates name nothing else.
  const filled = (template: string): string => template.replace(/\{([^{}]*)\}/g, (_, name) => values[name] ?? '');
  return {
    set: Object.fromEntries(Object.entries(preset.env).map(([name, template]) => [name, filled(template)])),
    unset: preset.unset,
    git: preset.gitConfig.map(({ key, value }) => [filled(key), filled(value)] as const),
  };
}

/** The variables of any other HTTP service: NAME_URL and NAME_TOKEN. */
export function plainVariables({ service, url, token }: Reached): Variables {
  const prefix = variablePrefix(service);
  return { set: { [`${prefix}_URL`]: url, [`${prefix}_TOKEN`]: token }, unset: [], git: [] };
}

/** A service's name as the beginning of names of variables: `app-db` gives APP_DB. */
export function variablePrefix(service: string): string {
  const upper = service.toUpperCase().replace(/[^A-Z0-9]+/g, '_');
  return /^[0-9]/.test(upper) ? `_${upper}` : upper;
}

/**
 * Settings of git as variables (git-config(1), GIT_CONFIG_COUNT), numbered on from those that `env` has already.
 * @param env what they are to be added to.
 */
export function gitVariables(settings: Variables['git'], env: NodeJS.ProcessEnv): Record<string, string> {
  if (settings.length === 0) return {};
  const before = Number(env.GIT_CONFIG_COUNT ?? '0');
  const first = Number.isSafeInteger(before) && before > 0 ? before : 0;
  const numbered = settings.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${first + index}`, key],
    [`GIT_CONFIG_VALUE_${first + index}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(first + settings.length), ...Object.fromEntries(numbered) };
}

/** Lines for a shell: `unset A B`, `export NAME='value'`. */
export function exportLines(set: Readonly<Record<string, string>>, unset: readonly string[]): string[] {
  return [
    ...(unset.length > 0 ? [`unset ${unset.join(' ')}`] : []),
    ...Object.entries(set).map(([name, value]) => `export ${name}=${shellQuote(value)}`),
  ];
}

/**
 * Lines for a shell that write each file, for its user alone to read, and set its variable. Nobody but the shell knows when
 * it is done with them: they stay until it removes them.
 */
export function fileLines(files: readonly { readonly env: string; readonly content: string }[]): string[] {
  return files.map(
    ({ env, content }) =>
      `export ${env}="$(mktemp)" && printf '%s\\n' ${shellQuote(content.replace(/\n$/, ''))} >"$${env}"`,
  );
}
