import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConfigSpec } from '../core/config.ts';
import { BrokerError } from '../core/errors.ts';
import { type Preset, parsePreset } from '../http/preset.ts';

/** A preset, and whether it is one of the user's own files. */
export interface FoundPreset extends Preset {
  readonly own: boolean;
}

/** What presets need to know of a kind. */
type Kinds = ReadonlyMap<string, { readonly config: Pick<ConfigSpec<unknown>, 'fields' | 'secretNames' | 'validate'> }>;

const BUNDLED = fileURLToPath(new URL('../http/presets/', import.meta.url));
const MAX_FILE_BYTES = 65_536;

/** The presets that come with broker, and those in `presets/` of the home, which win by name. */
export class Presets {
  readonly #folder: string;
  readonly #kinds: Kinds;
  #bundled: readonly Preset[] | undefined;

  constructor(home: string, kinds: Kinds) {
    this.#folder = join(home, 'presets');
    this.#kinds = kinds;
  }

  /**
   * All of them by name, the user's files as they are now.
   * @throws BrokerError `invalid_argument` naming file and field of one that is not what it must be: none is left out.
   */
  list(): FoundPreset[] {
    this.#bundled ??= this.#read(BUNDLED);
    const all = new Map<string, FoundPreset>();
    for (const preset of this.#bundled) all.set(preset.name, { ...preset, own: false });
    for (const preset of this.#read(this.#folder)) all.set(preset.name, { ...preset, own: true });
    return [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #read(folder: string): Preset[] {
    return jsonFiles(folder).map((file) => {
      const text = readFileSync(join(folder, file));
      const name = `presets/${file}`;
      if (text.length > MAX_FILE_BYTES)
        throw new BrokerError('invalid_argument', `${name} is longer than ${MAX_FILE_BYTES} bytes`);
      const preset = parsePreset(text.toString('utf8'), name);
      if (`${preset.name}.json` !== file)
        throw new BrokerError('invalid_argument', `${name}: name is "${preset.name}", which is not that of the file`);
      this.#checkAgainstKind(preset, name);
      return preset;
    });
  }

  /** The kind has the fields, and takes their values. */
  #checkAgainstKind(preset: Preset, file: string): void {
    const spec = this.#kinds.get(preset.kind)?.config;
    const refuse = (problem: string): BrokerError => new BrokerError('invalid_argument', `${file}: ${problem}`);
    if (!spec) throw refuse(`kind "${preset.kind}" is not known; the kinds are ${[...this.#kinds.keys()].join(', ')}`);
    if (!spec.secretNames.includes(preset.credential.field))
      throw refuse(`credential.field ${preset.credential.field} is not a secret of kind ${preset.kind}`);
    const asked = Object.keys(preset.ask);
    const unknown = asked.find((name) => !spec.fields.some((field) => field.name === name && field.type !== 'secret'));
    if (unknown !== undefined) throw refuse(`ask.${unknown} is not a field of kind ${preset.kind}`);
    try {
      spec.validate({ ...preset.ask, ...preset.config }, [preset.credential.field]);
    } catch (error) {
      throw error instanceof BrokerError ? refuse(`config: ${error.message}`) : error;
    }
  }
}

function jsonFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new BrokerError('invalid_argument', 'the folder presets of the home cannot be read', { cause: error });
  }
}
