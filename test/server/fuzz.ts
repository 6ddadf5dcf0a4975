import { decodeHeader, encodeHeader } from "../../src/protocol/index.ts";

/** Numbers that follow from a seed. */
export interface Random {
  below(limit: number): number;
  one<T>(of: readonly T[]): T;
  chance(share: number): boolean;
}

/** mulberry32. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const self: Random = {
    below: (limit) => Math.floor(next() * limit),
    one: (of) => of[Math.floor(next() * of.length)] as (typeof of)[number],
    chance: (share) => next() < share,
  };
  return self;
}

const NAMES = [
  "__proto__",
  "constructor",
  "toString",
  "length",
  "valueOf",
  "hasOwnProperty",
  "then",
  "toJSON",
  "",
  "0",
];
const TEXTS = [
  ...[
    "",
    " ",
    "0",
    "-1",
    "1e999",
    "NaN",
    "null",
    "true",
    "{}",
    "[]",
    '{"length":{"toString":1}}',
    "\u0000",
    "\ud800",
  ],
  ...[
    "ü",
    "日本",
    "a".repeat(3_000),
    "%E0%A4%A",
    "../../etc/passwd",
    "0x",
    `0x${"00".repeat(32)}`,
    "6492".repeat(16),
  ],
  ...[
    "2026-02-30T25:61:61Z",
    "eip155:1",
    "eip155:84532",
    "exact",
    "99999999999999999999",
    "http://[::1",
    "\r\nx: y",
  ],
];

/** Any JSON value, odd ones above all. */
function oddValue(random: Random, depth = 3): unknown {
  const kind = random.below(depth > 0 ? 12 : 8);
  if (kind < 3) return random.one(TEXTS);
  if (kind < 5) return random.one([0, -1, 1.5, 1e308, -1e308, 2 ** 53, 1e-320, 10_001]);
  if (kind < 8) return random.one([null, true, false]);
  if (kind < 10) return Array.from({ length: random.below(5) }, () => oddValue(random, depth - 1));
  if (kind < 11) return Object.fromEntries([[random.one(NAMES), oddValue(random, depth - 1)]]);
  return JSON.parse(`${'{"a":['.repeat(30)}1${"]}".repeat(30)}`) as unknown;
}

/** The same document with one place in it changed, added or removed. */
function mutated(random: Random, value: unknown): unknown {
  if (typeof value !== "object" || value === null || random.chance(0.15)) return oddValue(random);
  const entries = Object.entries(value);
  const at = random.below(entries.length + 1);
  const found = entries[at];
  if (!found) return Object.fromEntries([...entries, [random.one(NAMES), oddValue(random)]]);
  if (random.chance(0.15)) return Object.fromEntries(entries.filter((one) => one !== found));
  const changed = entries.map(
    ([name, part]) => [name, part === found[1] ? mutated(random, part) : part] as const,
  );
  return Array.isArray(value) ? changed.map(([, part]) => part) : Object.fromEntries(changed);
}

/** JSON text, or what was nearly one. */
export function bodyOf(random: Random, valid: unknown): string {
  const text = JSON.stringify(random.chance(0.1) ? valid : mutated(random, valid)) ?? "";
  if (random.chance(0.75)) return text;
  const at = random.below(text.length + 1);
  return random.one([
    () => text.slice(0, at),
    () => text.slice(0, at) + random.one(['"', "{", "]", "\\", "\u0000", "\ufeff", ","]) + text.slice(at),
    () => text + text,
    () => `${"[".repeat(200)}${text}`,
    () => "",
  ])();
}

const part = (random: Random): string =>
  random.one([
    () => encodeURIComponent(random.one(TEXTS).replace("\ud800", "")),
    () => "%",
    () => "%E0%A4%A",
    () => "+",
  ])();

export function queryOf(random: Random, names: readonly string[]): string {
  const count = random.below(4);
  const pairs = Array.from({ length: count }, () => `${random.one([...names, ...NAMES])}=${part(random)}`);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** A payment header from a good one. */
export function paymentOf(random: Random, header: string): string {
  if (random.chance(0.1)) return header.slice(0, random.below(header.length));
  if (random.chance(0.1)) return encodeHeader(oddValue(random));
  let document = decodeHeader(header);
  for (let times = 1 + random.below(2); times > 0; times -= 1) document = mutated(random, document);
  return encodeHeader(document);
}

/** A header value that `Headers` accepts. */
export function headerText(random: Random): string {
  return random
    .one(TEXTS)
    .replace(/[^\t\x20-\x7e\x80-\xff]/g, "")
    .trim();
}
