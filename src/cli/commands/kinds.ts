import { closest } from '../../core/config.ts';
import { BrokerError } from '../../core/errors.ts';
import type { Kind__Output } from '../../core/proto/broker/v1/Kind.ts';
import { describeFields } from '../fields.ts';
import { print, printJson, table } from '../output.ts';
import { openClient } from '../place.ts';

export async function kinds(kind: string | undefined, options: { json?: boolean }): Promise<number> {
  using client = openClient();
  const { kinds: all } = await client.kinds.list({});
  const wanted = kind === undefined ? all : all.filter((known) => known.name === kind);
  if (kind !== undefined && wanted.length === 0) {
    const names = all.map((known) => known.name);
    const near = closest(kind, names);
    throw new BrokerError('not_found', `there is no kind ${kind}${near ? ` (did you mean ${near}?)` : ''}`, {
      hint: `the kinds are ${names.join(', ')}`,
    });
  }
  if (options.json) printJson(wanted.map(shown));
  else if (kind === undefined)
    print(
      table(
        ['KIND', 'TITLE', 'FIELDS'],
        all.map((known) => [known.name, known.title, brief(known, all)]),
      ),
    );
  else for (const { title, fields } of wanted) print([title, ...describeFields(fields)].join('\n'));
  return 0;
}

/** The names of a kind's fields; of those that all HTTP kinds share, only the first. */
function brief(kind: Kind__Output, all: readonly Kind__Output[]): string {
  const names = kind.fields.map((field) => field.name);
  if (kind.use !== 'USE_HTTP') return names.join(' ');
  const others = all.filter((known) => known.use === 'USE_HTTP');
  const own = names.filter((name) => !others.every(({ fields }) => fields.some((field) => field.name === name)));
  return ['base_url', ...own, '...'].join(' ');
}

/** A kind as --json prints it: names that stay. */
function shown({ name, title, use, fields }: Kind__Output): object {
  return {
    name,
    title,
    use: use.replace('USE_', '').toLowerCase(),
    fields: fields.map((field) => ({
      name: field.name,
      type: field.type.replace('TYPE_', '').toLowerCase(),
      doc: field.doc,
      required: field.required,
      ...(field.defaultJson && { default: JSON.parse(field.defaultJson) as unknown }),
      ...(field.choices.length > 0 && { choices: field.choices }),
      ...(field.redirects && { drops_secrets: true }),
      ...(field.multiline && { multiline: true }),
    })),
  };
}
