/**
 * A regular expression as a pattern of JSON Schema, which has no flags and is read in Unicode mode (2020-12, section
 * 6.4). `undefined` when no pattern says the same.
 */
export function patternOf({ source, flags }: RegExp): string | undefined {
  if (flags.includes("v")) return undefined;
  const pieces = piecesOf(source);
  if (pieces === undefined) return undefined;
  const isUnicode = flags.includes("u");
  const isCaseless = flags.includes("i");
  // What a group has matched, and a class of Unicode, cannot be written in both cases.
  if (isCaseless && pieces.some(({ text }) => /^\\(?:[1-9k]|[pP]\{)/.test(text))) return undefined;
  const written = pieces.map(({ text, inClass, isBracket }) => {
    if (isBracket) return text;
    if (!inClass && text === "." && flags.includes("s")) return "[\\s\\S]";
    if (!inClass && flags.includes("m") && text === "^") return `(?:^|(?<=${BREAK}))`;
    if (!inClass && flags.includes("m") && text === "$") return `(?:$|(?=${BREAK}))`;
    const plain = isUnicode ? text : unicodeText(text, inClass);
    return isCaseless ? bothCases(plain, inClass) : plain;
  });
  const whole = written.join("");
  const pattern = flags.includes("y") ? `^(?:${whole})` : whole;
  return isValid(pattern) ? pattern : undefined;
}

/** ECMA-262, LineTerminator. */
const BREAK = "[\\n\\r\\u2028\\u2029]";

interface Piece {
  /** An escape, a character, a range of a class, or a part of the syntax. */
  readonly text: string;
  readonly inClass: boolean;
  /** The beginning or the end of a class. */
  readonly isBracket?: true;
}

const ESCAPE = String.raw`\\(?:u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[A-Za-z]|[pP]\{[^}]*\}|k<[^>]*>|[\s\S])`;
const OUTSIDE = new RegExp(
  String.raw`${ESCAPE}|\(\?(?:<(?![=!])[^>]*>|<?[=!]|:)|\{\d+(?:,\d*)?\}|[\s\S]`,
  "uy",
);
const INSIDE = new RegExp(String.raw`(?:${ESCAPE}|[^\\\]])(?:-(?:${ESCAPE}|[^\\\]]))?`, "uy");

function piecesOf(source: string): Piece[] | undefined {
  const pieces: Piece[] = [];
  let inClass = false;
  for (let at = 0; at < source.length; ) {
    const isEnd: boolean = inClass && source[at] === "]";
    const isStart: boolean = !inClass && source[at] === "[";
    if (isEnd || isStart) {
      const text = isStart && source[at + 1] === "^" ? "[^" : (source[at] ?? "");
      pieces.push({ text, inClass: false, isBracket: true });
      inClass = isStart;
      at += text.length;
      continue;
    }
    const expression = inClass ? INSIDE : OUTSIDE;
    expression.lastIndex = at;
    const text = expression.exec(source)?.[0];
    if (text === undefined) return undefined;
    pieces.push({ text, inClass });
    at += text.length;
  }
  return pieces;
}

/** Without the flag `u` a backslash may stand before anything, and a brace by itself. */
function unicodeText(text: string, inClass: boolean): string {
  if (!inClass && /^[{}\]]$/.test(text)) return `\\${text}`;
  return text.replace(/\\([\s\S])/gu, (whole, character: string) => {
    if (/[\^$\\.*+?()[\]{}|/]/.test(character) || /[A-Za-z0-9]/.test(character)) return whole;
    return inClass && character === "-" ? whole : character;
  });
}

/** A character or a range with its other case. */
function bothCases(text: string, inClass: boolean): string {
  if (!inClass) {
    const [one, ...more] = casesOf(text);
    return one === undefined || more.length === 0 ? text : `[${[one, ...more].join("")}]`;
  }
  const [, from, to] = /^([\s\S])-([\s\S])$/u.exec(text) ?? [];
  if (from === undefined || to === undefined) return casesOf(text).join("") || text;
  const parts = new Set([text]);
  for (let code = from.codePointAt(0) ?? 0; code <= (to.codePointAt(0) ?? 0); code += 1) {
    // A range of thousands has its other case in itself, or nothing of the kind.
    if (parts.size > 600) break;
    const character = String.fromCodePoint(code);
    for (const other of casesOf(character)) {
      if (other >= from && other <= to) continue;
      parts.add(other);
    }
  }
  return joinedRanges(text, [...parts].slice(1));
}

/** `a-z` with `A` to `Z` is `a-zA-Z`. */
function joinedRanges(first: string, others: readonly string[]): string {
  const codes = others.map((other) => other.codePointAt(0) ?? 0).sort((a, b) => a - b);
  let text = first;
  for (let start = 0; start < codes.length; ) {
    let end = start;
    while (codes[end + 1] === (codes[end] ?? 0) + 1) end += 1;
    const [low, high] = [codes[start] ?? 0, codes[end] ?? 0].map((code) => String.fromCodePoint(code));
    text += start === end ? low : `${low}-${high}`;
    start = end + 1;
  }
  return text;
}

/** A character in all its cases, itself first; nothing for anything but a letter. */
function casesOf(text: string): string[] {
  if ([...text].length !== 1 || !/\p{L}/u.test(text)) return [];
  const all = [text, text.toLowerCase(), text.toUpperCase()].filter((one) => [...one].length === 1);
  return [...new Set(all)];
}

function isValid(pattern: string): boolean {
  try {
    new RegExp(pattern, "u");
    return true;
  } catch {
    return false;
  }
}
