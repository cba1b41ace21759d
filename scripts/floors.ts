import { ROOT, tool } from './command.ts';

export interface Floors {
  readonly modules: number;
  /** One line each: `rule: importer -> imported`. */
  readonly violations: readonly string[];
}

interface Cruise {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly {
      readonly rule: { readonly name: string };
      readonly from: string;
      readonly to: string;
    }[];
  };
}

/**
 * Holds the modules under `root`/src against .dependency-cruiser.cjs.
 * @throws Error if the tool failed, or saw no module: with a compiler that it cannot use it is content with nothing.
 */
export async function floors(root = ROOT): Promise<Floors> {
  const cruiser = `${ROOT}/node_modules/dependency-cruiser/bin/dependency-cruise.mjs`;
  const options = ['--config', `${ROOT}/.dependency-cruiser.cjs`, '--output-type', 'json', 'src'];
  const { output } = await tool(process.execPath, [cruiser, ...options], { cwd: root });
  const { summary } = parse(output);
  if (summary.totalCruised === 0) throw new Error('dependency-cruiser saw no module: the floors are not checked');
  return {
    modules: summary.totalCruised,
    violations: summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
  };
}

/** Its exit code counts violations, so only output that is no report is a failure of the tool. */
function parse(output: string): Cruise {
  try {
    return JSON.parse(output);
  } catch (cause) {
    throw new Error(`dependency-cruiser failed\n${output}`, { cause });
  }
}
