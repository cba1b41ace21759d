import { join } from 'node:path';
import { BrokerError } from '../../core/errors.ts';
import { adminAtHand, anyClient } from '../admin.ts';
import { assemble } from '../assemble.ts';
import { runChild } from '../child.ts';
import { connect } from '../connect.ts';
import { parseDuration } from '../duration.ts';
import { instructions } from '../instructions.ts';
import { advise, print, say } from '../output.ts';
import { brokerHome, findDaemon, openClient } from '../place.ts';
import { proveClean, proveHome } from '../preflight.ts';
import { addPreset } from '../presetkey.ts';
import { type Provision, provide } from '../provision.ts';

export interface RunFlags {
  readonly service?: string[];
  readonly preset?: string[];
  readonly keep?: string[];
  readonly ttl: string;
  readonly reason?: string;
  readonly printInstructions?: boolean;
  readonly passwordFile?: string;
}

/** `broker run --service NAME -- CMD`: a command that reaches services and finds no credential. */
export async function run(command: readonly string[], flags: RunFlags): Promise<number> {
  if (flags.printInstructions) return await printInstructions(flags);
  const { service = [], preset = [] } = flags;
  if (command.length === 0 || !process.argv.includes('--'))
    throw new BrokerError('invalid_argument', 'the command is missing: broker run --service NAME -- COMMAND ...');
  if (service.length + preset.length === 0)
    throw new BrokerError('invalid_argument', 'which service? --service NAME, or --preset NAME without a vault');
  const ttlMs = parseDuration(flags.ttl, '--ttl');
  if (ttlMs <= 0) throw new BrokerError('invalid_argument', `--ttl ${flags.ttl} would have ended already`);
  // With no listener SIGUSR1 would open the inspector, which can read everything that is in here.
  process.on('SIGUSR1', () => undefined);
  const weaknesses = await closed();
  const reason = flags.reason ?? 'broker run';
  const provisions: Provision[] = [];
  try {
    const secrets: string[] = [];
    if (preset.length > 0) {
      if (weaknesses.length > 0) {
        throw new BrokerError(
          'denied',
          `the command could read the key out of this process: ${weaknesses.join('; ')}`,
          {
            hint: 'store the key in a vault (broker up, broker service add) and use --service',
          },
        );
      }
      provisions.push(await fromPresets(preset, ttlMs, reason, secrets));
    }
    if (service.length > 0) provisions.unshift(await fromDaemon(service, ttlMs, reason, flags.passwordFile));
    const services = provisions.flatMap((each) => each.services);
    const own = provisions[0]?.own ?? {};
    const { env, inherited, dropped, shared } = assemble(process.env, services, own, {
      keep: flags.keep ?? [],
      secrets,
      hosts: provisions.flatMap((each) => each.hosts),
    });
    for (const { name, first, second } of shared)
      say(`note: ${name} is for ${first}; ${second} has variables of its own name`);
    for (const { client } of provisions) await proveClean(client, { env: inherited, argv: command });
    if (service.length > 0 && provisions[0]) await proveHome(provisions[0].client, brokerHome());
    if (dropped.length > 0) advise(`left out: ${dropped.join(' ')} (--keep NAME)`);
    return await runChild(command, env);
  } finally {
    for (const provision of provisions) await provision[Symbol.asyncDispose]();
  }
}

async function fromDaemon(
  names: readonly string[],
  ttlMs: number,
  reason: string,
  passwordFile: string | undefined,
): Promise<Provision> {
  const client = await anyClient(passwordFile);
  try {
    const provision = await provide(client, findDaemon(), names, ttlMs, reason);
    return followedBy(provision, async () => client.close());
  } catch (error) {
    client.close();
    throw error;
  }
}

/** A daemon inside this process, with a service for each preset and the key that is in the environment. */
async function fromPresets(
  names: readonly string[],
  ttlMs: number,
  reason: string,
  secrets: string[],
): Promise<Provision> {
  const { startPrivate } = await import(daemonModule('private'));
  const daemon: { address: string; token: string } & AsyncDisposable = await startPrivate(
    join(brokerHome(), 'presets'),
  );
  const client = connect({ address: daemon.address, token: daemon.token });
  const end = async (): Promise<void> => {
    client.close();
    await daemon[Symbol.asyncDispose]();
  };
  try {
    for (const name of names) secrets.push(...(await addPreset(client, name, process.env)));
    const provision = await provide(client, { address: daemon.address }, names, ttlMs, reason);
    return followedBy(provision, end);
  } catch (error) {
    await end();
    throw error;
  }
}

/** The same, with what has to end behind it. */
function followedBy(provision: Provision, end: () => Promise<void>): Provision {
  const dispose = async (): Promise<void> => {
    try {
      await provision[Symbol.asyncDispose]();
    } finally {
      await end();
    }
  };
  return { ...provision, [Symbol.asyncDispose]: dispose };
}

/** What a person pastes into the instructions of an agent. */
async function printInstructions(flags: RunFlags): Promise<number> {
  using client = (await adminAtHand(flags.passwordFile)) ?? openClient();
  const { kinds } = await client.kinds.list({});
  const names = flags.service ?? (await client.services.list({})).services.map(({ name }) => name);
  const records = await Promise.all(names.map((name) => client.services.get({ name })));
  const { presets } = await client.presets.list({});
  print(instructions(records, kinds, presets));
  return 0;
}

/** Closes this process to others of the same user. @returns why not, in sentences. */
async function closed(): Promise<readonly string[]> {
  const { harden } = await import(daemonModule('harden'));
  return await harden();
}

/** Resolved at run time: the bundle of the command line must not swallow the daemon and its libraries. */
function daemonModule(name: string): string {
  return new URL(`../../daemon/${name}.js`, import.meta.url).href;
}
