/** Something that an answer should not show. */
export interface Internal {
  readonly kind: string;
  readonly text: string;
}

/** Each kind once, most telling first. Narrow on purpose: a word that a seller may use of the product is no leak. */
const PATTERNS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ["a stack trace", /(?:\n|\\n)\s*at .{1,120}:\d+(?::\d+)?\)?/],
  [
    "a stack trace",
    /Traceback \(most recent call last\)|goroutine \d+ \[|Exception in thread "|\bat [\w$.]+\([\w$]+\.java:\d+\)/,
  ],
  ["a stack trace", /\bFile "[^"]+", line \d+|\bpanic: |#\d+ \/[\w./-]+\.php\(\d+\)/],
  [
    "a path of the server",
    /(?:^|["'\s(=,\\:])(?:file:\/\/)?\/(?:home|usr|var|srv|opt|root|Users|private|mnt|tmp)\/[\w.@-][\w./@-]*/,
  ],
  [
    "a path of the server",
    /[A-Za-z]:\\\\?(?:Users|inetpub|Windows|Program Files|app)\\[\w\\.-]+|node_modules\/[\w@.-]+/,
  ],
  [
    "a path of the server",
    /(?:^|["'\s(])(?:\/|\.\/)?(?:[\w-]+\/)+[\w.-]+\.(?:[cm]?[jt]s|py|go|rb|php|java|rs)(?::\d+){1,2}/,
  ],
  ["a query", /\bSELECT\b[^"]{1,200}\bFROM\b|\bINSERT INTO\b|\bDELETE FROM\b|\bUPDATE\s+\w+\s+SET\b/],
  [
    "words of the database",
    /\bSQLITE_[A-Z]+\b|syntax error at or near|duplicate key value violates|relation \\?"[^"]+" does not exist|\bORA-\d{5}\b|\bPrismaClient\w*|\bSequelize\w*Error\b|\bMongoServerError\b/,
  ],
  [
    "words of the runtime",
    /\b(?:Type|Reference|Syntax|Range|Zod|Assertion|Internal|Key|Value|Attribute)Error\b|\bNullPointerException\b|\bUnhandledPromiseRejection\b/,
  ],
  [
    "words of the runtime",
    /Cannot read propert|Cannot destructure|is not a function\b|undefined is not|Unexpected (?:token|end of JSON)|in JSON at position \d+|object has no attribute|nil pointer dereference/,
  ],
  [
    "words of the network inside",
    /\b(?:ECONNREFUSED|ENOTFOUND|ETIMEDOUT|ECONNRESET|EPIPE|EAI_AGAIN)\b|\bgetaddrinfo\b/,
  ],
  [
    "a secret",
    /\bsk_live_\w+|\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bpostgres(?:ql)?:\/\/[^\s"]+@/,
  ],
];

/** An address of a network inside is one only when the request did not go there itself. */
const PRIVATE_HOST =
  /\b(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}\b|\blocalhost:\d+/;

/** What an answer shows of the inside of its server. `host`: the one that was asked. */
export function internals(text: string, host: string): Internal[] {
  const found: Internal[] = [];
  for (const [kind, pattern] of PATTERNS) {
    const match = pattern.exec(text);
    if (match && !found.some((one) => one.kind === kind)) found.push({ kind, text: around(text, match) });
  }
  const place = PRIVATE_HOST.exec(text);
  if (place && !place[0].startsWith(host)) {
    found.push({ kind: "an address of the network inside", text: around(text, place) });
  }
  return found;
}

function around(text: string, { index, 0: match }: RegExpExecArray): string {
  return text.slice(Math.max(0, index - 20), index + match.length + 20).trim();
}
