import type { JsonObject, JsonValue } from './json.ts';

/** Behind a secret field's name: the name of the stored file that holds the secret (`private_key_file_ref`). */
const SUFFIX = '_file_ref';

/** The field that refers to a file in place of the secret. */
export function fileRefOf(secret: string): string {
  return `${secret}${SUFFIX}`;
}

/** Secret name to file name, for every reference among a service's fields. */
export function fileRefs(config: JsonObject): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(config).flatMap(([name, value]) =>
      name.endsWith(SUFFIX) && typeof value === 'string' ? [[name.slice(0, -SUFFIX.length), value] as const] : [],
    ),
  );
}

/** What is wrong with the name of a file, as the end of a sentence. */
export function fileNameProblem(name: JsonValue): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this refuses
  const unsafe = /[/\\\u0000-\u001f\u007f]/;
  if (typeof name === 'string' && name.length >= 1 && name.length <= 255 && !name.includes('..') && !unsafe.test(name))
    return undefined;
  return 'must be 1 to 255 characters without slash, backslash, control character or ".."';
}

/** Bytes without a final line end, which editors put there and no password has. */
export function withoutLineEnd(bytes: Buffer): Buffer {
  let end = bytes.length;
  if (end > 0 && bytes[end - 1] === 10) end--;
  if (end > 0 && bytes[end - 1] === 13) end--;
  return Buffer.from(bytes.subarray(0, end));
}
