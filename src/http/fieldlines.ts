/** Header fields that say how the message travels: no kind and no setting may write them. */
const FRAMING = ['host', 'transfer-encoding', 'content-length', 'connection', 'upgrade', 'te', 'trailer', 'keep-alive'];

/** A field name (RFC 9110 §5.1). */
export function isFieldName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(name);
}

/** Printable characters, spaces and tabs within, and bytes above 7F (RFC 9110 §5.5). */
export function isFieldValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}

/** Whether a header of this name may be added to a request: not one that the framing depends on. */
export function isInjectable(name: string): boolean {
  return isFieldName(name) && !FRAMING.includes(name.toLowerCase());
}

/**
 * `NAME: VALUE` lines as a flat list of names and values.
 * @returns what is wrong, as the end of a sentence that begins with the field's name.
 */
export function fieldLines(lines: readonly string[]): readonly string[] | string {
  const flat: string[] = [];
  for (const [index, line] of lines.entries()) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim();
    const value = line.slice(colon + 1).trim();
    if (colon < 1 || !isFieldName(name) || !isFieldValue(value)) return `entry ${index + 1} is not NAME: VALUE`;
    if (!isInjectable(name)) return `entry ${index + 1}: ${name} cannot be set`;
    flat.push(name, value);
  }
  return flat;
}
