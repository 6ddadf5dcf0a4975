/** An internal detail that a response should not show. */
export interface Internal {
  readonly kind: string;
  readonly text: string;
}

/** Each kind once, the most revealing first. Narrow on purpose: a normal word in a product description is not a leak. */
const PATTERNS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ["a stack trace", /(?:\n|\\n)\s*at .{1,120}:\d+(?::\d+)?\)?/],
  [
    "a stack trace",
    /Traceback \(most recent call last\)|goroutine \d+ \[|Exception in thread "|\bat [\w$.]+\([\w$]+\.java:\d+\)/,
  ],
  ["a stack trace", /\bFile "[^"]+", line \d+|\bpanic: |#\d+ \/[\w./-]+\.php\(\d+\)/],
  [
    "a file path of the server",
    /(?:^|["'\s(=,\\:])(?:file:\/\/)?\/(?:home|usr|var|srv|opt|root|Users|private|mnt|tmp)\/[\w.@-][\w./@-]*/,
  ],
  [
    "a file path of the server",
    /[A-Za-z]:\\\\?(?:Users|inetpub|Windows|Program Files|app)\\[\w\\.-]+|node_modules\/[\w@.-]+/,
  ],
  [
    "a file path of the server",
    /(?:^|["'\s(])(?:\/|\.\/)?(?:[\w-]+\/)+[\w.-]+\.(?:[cm]?[jt]s|py|go|rb|php|java|rs)(?::\d+){1,2}/,
  ],
  [
    "a database query",
    /\bSELECT\b[^"]{1,200}\bFROM\b|\bINSERT INTO\b|\bDELETE FROM\b|\bUPDATE\s+\w+\s+SET\b/,
  ],
  [
    "a database error",
    /\bSQLITE_[A-Z]+\b|syntax error at or near|duplicate key value violates|relation \\?"[^"]+" does not exist|\bORA-\d{5}\b|\bPrismaClient\w*|\bSequelize\w*Error\b|\bMongoServerError\b/,
  ],
  [
    "a runtime error",
    /\b(?:Type|Reference|Syntax|Range|Zod|Assertion|Internal|Key|Value|Attribute)Error\b|\bNullPointerException\b|\bUnhandledPromiseRejection\b/,
  ],
  [
    "a runtime error",
    /Cannot read propert|Cannot destructure|is not a function\b|undefined is not|Unexpected (?:token|end of JSON)|in JSON at position \d+|object has no attribute|nil pointer dereference/,
  ],
  [
    "an internal network error",
    /\b(?:ECONNREFUSED|ENOTFOUND|ETIMEDOUT|ECONNRESET|EPIPE|EAI_AGAIN)\b|\bgetaddrinfo\b/,
  ],
  [
    "a secret",
    /\bsk_live_\w+|\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bpostgres(?:ql)?:\/\/[^\s"]+@/,
  ],
];

/** A private address counts as internal only when the request itself did not go there. */
const PRIVATE_HOST =
  /\b(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}\b|\blocalhost:\d+/;

/** Internal details that a response reveals. `host` is the host of the request. */
export function internals(text: string, host: string): Internal[] {
  const found: Internal[] = [];
  for (const [kind, pattern] of PATTERNS) {
    const match = pattern.exec(text);
    if (match && !found.some((one) => one.kind === kind)) found.push({ kind, text: around(text, match) });
  }
  const place = PRIVATE_HOST.exec(text);
  if (place && !place[0].startsWith(host)) {
    found.push({ kind: "an address of the internal network", text: around(text, place) });
  }
  return found;
}

function around(text: string, { index, 0: match }: RegExpExecArray): string {
  return text.slice(Math.max(0, index - 20), index + match.length + 20).trim();
}
