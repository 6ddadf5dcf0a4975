/** How much structure a JSON text may have. */
export interface JsonLimits {
  /** Members, elements and containers together. Each costs the schema time, and may become an issue. */
  readonly maxValues: number;
  readonly maxDepth: number;
}

/** A text this short cannot be too deep or too large for any limits in use. */
const MIN_LENGTH = 64;

/** What is wrong with the structure of a JSON text, as a sentence; `undefined` when it is within the limits. */
export function structureProblem(text: string, { maxValues, maxDepth }: JsonLimits): string | undefined {
  if (text.length <= MIN_LENGTH) return undefined;
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        depth += 1;
        values += 1;
        if (depth > maxDepth) return `The input may be nested at most ${maxDepth} levels deep.`;
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth -= 1;
        break;
      case COMMA:
        values += 1;
    }
    if (values > maxValues) return `The input may have at most ${maxValues} values.`;
  }
  return undefined;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Where the string ends that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}
