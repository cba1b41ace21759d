import { createInterface } from 'node:readline';
import { Visitor } from '../support/visitor.ts';

/* `visit`: logs in at the address that comes as the first line of its input, and prints the last page's paragraph. */

for await (const url of createInterface({ input: process.stdin })) {
  await using visitor = new Visitor();
  const { body } = await visitor.visit(url);
  console.log(/<p>([^<]*)<\/p>/.exec(body)?.[1] ?? 'a page without a word');
  break;
}
