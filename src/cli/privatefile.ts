import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Files with secrets for one command: in a folder that only its user can enter, and gone with the command. */
export class PrivateFiles implements AsyncDisposable {
  /** Variables that lead to the files. */
  readonly env: Readonly<Record<string, string>>;
  readonly #folder: string | undefined;

  private constructor(folder: string | undefined, env: Readonly<Record<string, string>>) {
    this.#folder = folder;
    this.env = env;
  }

  /** @param files what is to be in each, and the variable that is to name it. */
  static async write(files: readonly { readonly env: string; readonly content: string }[]): Promise<PrivateFiles> {
    if (files.length === 0) return new PrivateFiles(undefined, {});
    const folder = await mkdtemp(join(tmpdir(), 'broker-'));
    const paths = files.map(({ env }, index) => [env, join(folder, String(index))] as const);
    const made = new PrivateFiles(folder, Object.fromEntries(paths));
    try {
      for (const [index, { content }] of files.entries())
        await writeFile(join(folder, String(index)), content, { mode: 0o600, flag: 'wx' });
      return made;
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }
}
