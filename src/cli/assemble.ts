import { type Cleaned, cleaned } from './cleaning.ts';
import type { Provided } from './provision.ts';
import { gitVariables } from './variables.ts';

export interface Assembled {
  readonly env: Readonly<Record<string, string>>;
  /** Those of `env` that came from the parent as they are: what may hold something that is not of broker's making. */
  readonly inherited: Readonly<Record<string, string>>;
  /** Variables of this process that the command does not get. */
  readonly dropped: readonly string[];
  /** Variables that two services wanted: the first has them. */
  readonly shared: readonly { readonly name: string; readonly first: string; readonly second: string }[];
}

const LOOPBACK = ['127.0.0.1', 'localhost', '::1'];

/**
 * The environment of the command: what is clean of ours, and what the services need.
 * @param own variables for the command's own use of broker.
 * @param secrets names of variables that held credentials, whatever they look like.
 * @param hosts where the daemons are, besides this machine.
 */
export function assemble(
  parent: NodeJS.ProcessEnv,
  services: readonly Provided[],
  own: Readonly<Record<string, string>>,
  options: {
    readonly keep: readonly string[];
    readonly secrets: readonly string[];
    readonly hosts: readonly string[];
  },
): Assembled {
  const { env: kept, dropped }: Cleaned = cleaned(parent, options.keep);
  const env: Record<string, string> = { ...kept };
  for (const name of [...options.secrets, ...services.flatMap(({ unset }) => unset)]) delete env[name];
  const owners = new Map<string, string>();
  const shared: { name: string; first: string; second: string }[] = [];
  for (const { service, set } of services) {
    for (const [name, value] of Object.entries(set)) {
      const first = owners.get(name);
      if (first === undefined) {
        owners.set(name, service);
        env[name] = value;
      } else if (env[name] !== value) shared.push({ name, first, second: service });
    }
  }
  Object.assign(
    env,
    gitVariables(
      services.flatMap(({ git }) => git),
      env,
    ),
    own,
  );
  // Proxies of the environment must not come between the command and this machine, or the daemon's.
  for (const name of ['NO_PROXY', 'no_proxy'])
    env[name] = [...new Set([...(env[name] ?? '').split(',').filter(Boolean), ...LOOPBACK, ...options.hosts])].join(
      ',',
    );
  const inherited = Object.fromEntries(Object.entries(env).filter(([name, value]) => kept[name] === value));
  return { env, inherited, dropped: dropped.filter((name) => env[name] === undefined), shared };
}
