import { run } from '../../src/cli/program.ts';

/** Columns that the help is set in, whatever terminal this runs on: what commander takes where there is none. */
const WIDTH = 80;

/** The help of every command, as it is printed, under a heading each. */
export async function commands(): Promise<string> {
  const parts: string[] = [];
  const walk = async (words: readonly string[]): Promise<void> => {
    const help = await helpOf(words);
    parts.push(`## ${['broker', ...words].join(' ')}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\``);
    for (const name of subcommands(help)) await walk([...words, name]);
  };
  await walk([]);
  return parts.join('\n\n');
}

/** The names in the list that commander prints under "Commands:". */
function subcommands(help: string): string[] {
  const [, list = ''] = help.split('\nCommands:\n');
  const [own = ''] = list.split('\n\n');
  return [...own.matchAll(/^ {2}([a-z-]+)/gm)].flatMap(([, name]) => (name && name !== 'help' ? [name] : []));
}

/** What `broker WORDS --help` writes, on whichever of its outputs. */
async function helpOf(words: readonly string[]): Promise<string> {
  const streams = [process.stdout, process.stderr];
  const before = streams.map((stream) => ({ write: stream.write, columns: stream.columns }));
  let text = '';
  try {
    for (const stream of streams) {
      stream.columns = WIDTH;
      stream.write = (chunk: string | Uint8Array) => {
        text += String(chunk);
        return true;
      };
    }
    await run([...words, '--help']);
  } finally {
    streams.forEach((stream, index) => {
      Object.assign(stream, before[index]);
    });
  }
  return text;
}
