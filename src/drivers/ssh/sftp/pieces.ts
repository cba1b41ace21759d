/** Part of a content, as it came. */
export interface Piece {
  readonly content: readonly Buffer[];
  readonly length: number;
}

/** A content in pieces of `bytes` each, of which the last may be shorter. Nothing is copied. */
export async function* inPieces(source: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Piece, void, undefined> {
  let content: Buffer[] = [];
  let length = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + bytes - length);
      content.push(part);
      length += part.length;
      at += part.length;
      if (length < bytes) continue;
      yield { content, length };
      content = [];
      length = 0;
    }
  }
  if (length > 0) yield { content, length };
}
