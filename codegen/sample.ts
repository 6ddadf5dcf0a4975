import { runInNewContext } from "node:vm";
import { LRUCache } from "lru-cache";
import { type JsonSchema, resolve, type Schemas } from "./model.ts";

/** A value for examples in documents, and whether it is known to be one that the schema accepts. */
interface Sample {
  readonly value: unknown;
  readonly isSound: boolean;
}

/** A value that a schema accepts, for examples in documents: its own example, its default, or a plain one. */
export function sampleOf(schemas: Schemas, schema: JsonSchema): unknown {
  return sample(schemas, schema, atFirst()).value;
}

/** The same, but `undefined` where a plain value would be a guess: against a pattern that none of ours keeps to. */
export function soundSampleOf(schemas: Schemas, schema: JsonSchema): unknown {
  const { value, isSound } = sample(schemas, schema, atFirst());
  return isSound ? value : undefined;
}

const DEEP = 12;

/** Values in one sample: a stranger's schema may ask for a list of millions, or double with each reference. */
const MOST = 2_000;

/** Characters in one text. */
const LONG = 10_000;

/** How long a stranger's pattern may take: `(a+)+b` takes for ever. Far more than any other needs on a busy machine. */
const PATTERN_MS = 1_000;

/** What has been found for texts with a pattern, so that a slow one is paid for once. */
const TEXTS = new LRUCache<string, Sample>({ max: 10_000 });

interface Within {
  readonly depth: number;
  readonly budget: { left: number };
}

const atFirst = (): Within => ({ depth: 0, budget: { left: MOST } });
const inner = (within: Within): Within => ({ ...within, depth: within.depth + 1 });

function sample(schemas: Schemas, schema: JsonSchema, within: Within): Sample {
  within.budget.left -= 1;
  const own = resolve(schemas, schema);
  const given = [own.examples?.[0 as never], own.default, own.const, own.enum?.[0]];
  const value = given.find((one) => one !== undefined && isOf(own.type, one));
  if (value !== undefined) return { value, isSound: true };
  if (within.depth > DEEP || within.budget.left <= 0) return { value: null, isSound: false };
  const options = own.anyOf ?? own.oneOf;
  if (options !== undefined) {
    const samples = options.map((option) => sample(schemas, option, inner(within)));
    return samples.find(({ isSound }) => isSound) ?? samples[0] ?? { value: null, isSound: false };
  }
  if (own.allOf !== undefined) return merged(own.allOf.map((part) => sample(schemas, part, inner(within))));
  switch (Array.isArray(own.type) ? own.type[0] : own.type) {
    case "string":
      return text(own);
    case "integer":
    case "number":
      return number(own);
    case "boolean":
      return { value: true, isSound: true };
    case "array":
      return list(schemas, own, within);
    case "object":
      return object(schemas, own, within);
    case "null":
      return { value: null, isSound: true };
    default:
      return { value: null, isSound: own.type === undefined && own.not === undefined };
  }
}

/** Whether a value is of the type that is asked for: those of other people's documents need not be. */
function isOf(type: JsonSchema["type"], value: unknown): boolean {
  if (type === undefined || Array.isArray(type)) return true;
  if (type === "integer") return Number.isInteger(value);
  const kind = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  return kind === type;
}

function merged(parts: readonly Sample[]): Sample {
  const isSound = parts.every(({ value, isSound }) => isSound && typeof value === "object" && value !== null);
  return { value: Object.assign({}, ...parts.map(({ value }) => value)), isSound };
}

function object(
  schemas: Schemas,
  { properties, required, minProperties }: JsonSchema,
  within: Within,
): Sample {
  const members = Object.entries(properties ?? {})
    .filter(([name]) => required?.includes(name))
    .map(([name, member]): [string, Sample] => [name, sample(schemas, member, inner(within))]);
  const isComplete = members.length === (required ?? []).length && minProperties === undefined;
  return {
    value: Object.fromEntries(members.map(([name, { value }]) => [name, value])),
    isSound: isComplete && members.every(([, { isSound }]) => isSound),
  };
}

function list(schemas: Schemas, own: JsonSchema, within: Within): Sample {
  const { prefixItems = [], items, minItems = 0, maxItems = Number.POSITIVE_INFINITY, uniqueItems } = own;
  const first = prefixItems.map((item) => sample(schemas, item, inner(within)));
  const more = typeof items === "object" ? sample(schemas, items, inner(within)) : undefined;
  // One entry shows what an entry is, unless there must be more, or the schema has no end.
  const wanted = within.depth > 3 || more?.isSound === false ? minItems : Math.max(minItems, 1);
  const count = Math.max(0, Math.min(wanted, maxItems) - first.length);
  const rest: Sample[] = [];
  while (more !== undefined && typeof items === "object" && rest.length < count && within.budget.left > 0) {
    rest.push(rest.length === 0 ? more : sample(schemas, items, inner(within)));
  }
  const all = [...first, ...rest];
  const isEnough = all.length >= minItems && !(uniqueItems === true && count > 1);
  return { value: all.map(({ value }) => value), isSound: isEnough && all.every(({ isSound }) => isSound) };
}

function number(own: JsonSchema): Sample {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf = 1 } = own;
  const low = minimum ?? exclusiveMinimum;
  const high = maximum ?? exclusiveMaximum;
  const step = own.type === "integer" ? Math.max(1, multipleOf) : multipleOf;
  const keeps = (value: number): boolean =>
    (minimum === undefined || value >= minimum) &&
    (maximum === undefined || value <= maximum) &&
    (exclusiveMinimum === undefined || value > exclusiveMinimum) &&
    (exclusiveMaximum === undefined || value < exclusiveMaximum) &&
    (own.multipleOf === undefined || Number.isInteger(value / own.multipleOf)) &&
    (own.type !== "integer" || Number.isInteger(value));
  const up =
    low === undefined ? [] : [low, Math.ceil(low / step) * step, (Math.floor(low / step) + 1) * step];
  const down = high === undefined ? [] : [high, Math.floor(high / step) * step];
  const between = low !== undefined && high !== undefined ? [(low + high) / 2] : [];
  const candidates = [...up, ...(low === undefined ? [1, 0] : []), ...down, ...between];
  const value = candidates.find(keeps);
  return { value: value ?? low ?? high ?? 1, isSound: value !== undefined };
}

function text({ format, pattern, ...lengths }: JsonSchema): Sample {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY } = lengths;
  const inForm = SAMPLES[format ?? ""];
  if (inForm !== undefined && pattern === undefined) {
    return { value: inForm, isSound: inForm.length >= minLength && inForm.length <= maxLength };
  }
  const plain = "…".repeat(Math.max(0, Math.min(Math.max(1, minLength), maxLength, LONG)));
  if (pattern === undefined) {
    return { value: plain, isSound: format === undefined && plain.length >= minLength };
  }
  const key = JSON.stringify([pattern, minLength, maxLength]);
  const known = TEXTS.get(key);
  if (known !== undefined) return known;
  const value = textOfPattern(pattern, minLength, maxLength);
  const found = { value: value ?? plain, isSound: value !== undefined };
  TEXTS.set(key, found);
  return found;
}

function textOfPattern(pattern: string, minLength: number, maxLength: number): string | undefined {
  if (minLength > LONG) return undefined;
  const length = Math.min(Math.max(minLength, 1), 200);
  const lengths = [...new Set([length, minLength + 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 64])];
  const candidates = [
    ...Object.values(SAMPLES),
    ...WORDS,
    ...[..."0aA"].flatMap((letter) => lengths.map((count) => letter.repeat(count))),
    ...lengths.map((count) => `0x${"0".repeat(count)}`),
  ];
  return firstMatch(
    pattern,
    candidates.filter(({ length }) => length >= minLength && length <= maxLength),
  );
}

function firstMatch(pattern: string, candidates: readonly string[]): string | undefined {
  const look = "const expression = new RegExp(pattern, 'u'); candidates.find((one) => expression.test(one))";
  try {
    return runInNewContext(look, { pattern, candidates }, { timeout: PATTERN_MS });
  } catch {
    return undefined;
  }
}

const SAMPLES: Readonly<Record<string, string>> = {
  uri: "https://example.com/",
  email: "someone@example.com",
  "date-time": "2026-01-31T12:00:00Z",
  date: "2026-01-31",
  time: "12:00:00",
  duration: "PT1H",
  uuid: "123e4567-e89b-42d3-a456-426614174000",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  hostname: "example.com",
};

const WORDS = [
  "example",
  "Example",
  "EXAMPLE",
  "en",
  "EN",
  "en-US",
  "EUR",
  "1.0.0",
  "#000000",
  "+4930123456",
  "a-b",
];
