/**
 * A page with the text between `<!-- NAME: generated ... -->` and `<!-- NAME: end -->` replaced; all else stays as it is.
 * @throws Error when the page has no such place.
 */
export function withSection(page: string, name: string, body: string): string {
  const place = new RegExp(`(<!-- ${name}: generated[^>]* -->\n)(?:.|\\n)*?(<!-- ${name}: end -->)`);
  if (!place.test(page)) throw new Error(`no place for the generated "${name}" in this page:\n${page.slice(0, 200)}`);
  return page.replace(place, (_all, start: string, end: string) => `${start}\n${body.trim()}\n\n${end}`);
}

/** A cell of a Markdown table. */
export function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

export function markdownTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n');
}
