import { BrokerError } from '../../core/errors.ts';
import { describeFields } from '../fields.ts';
import { print, printJson, table } from '../output.ts';
import { openClient } from '../place.ts';

export async function kinds(kind: string | undefined, options: { json?: boolean }): Promise<number> {
  using client = openClient();
  const { kinds: all } = await client.kinds.list({});
  const wanted = kind === undefined ? all : all.filter((known) => known.name === kind);
  if (wanted.length === 0)
    throw new BrokerError('not_found', `there is no kind ${kind}`, {
      hint: `the kinds are ${all.map((known) => known.name).join(', ')}`,
    });
  if (options.json) printJson(wanted);
  else if (kind === undefined)
    print(
      table(
        ['KIND', 'TITLE', 'FIELDS'],
        all.map(({ name, title, fields }) => [name, title, fields.map((field) => field.name).join(' ')]),
      ),
    );
  else for (const { title, fields } of wanted) print([title, ...describeFields(fields)].join('\n'));
  return 0;
}
