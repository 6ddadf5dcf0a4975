/** How far down causes and members are followed. */
const DEEPEST = 8;
/** Members of one value that are looked at. */
const MAX_PARTS = 1_000;
/** Texts of an input that are looked for; of what is said over a longer one, no text is kept. */
const MAX_HIDDEN = 2_000;
/** Characters times texts to look for: some 20 ms. Whoever chooses the input must not hold a server up. */
const MAX_WORK = 20_000_000;
/** Shorter texts are words that stand in every message. */
const SHORTEST_HIDDEN = 4;
const REMOVED = "[removed]";

/**
 * An error as every logger writes it. Only what says where and why: errors of HTTP clients carry the whole request as
 * a property, headers and payment included.
 */
export function plainError(error: Error, depth = DEEPEST): object {
  const { name, message, stack, code, cause } = error as Readonly<
    Partial<Record<keyof Error | "code", unknown>>
  >;
  return {
    name,
    message: typeof message === "string" ? unsigned(message) : undefined,
    ...(typeof code === "string" || typeof code === "number" ? { code } : {}),
    ...(typeof stack === "string" ? { stack: unsigned(stack) } : {}),
    ...(cause instanceof Error && depth > 0 ? { cause: plainError(cause, depth - 1) } : {}),
  };
}

/**
 * Text of another party, without signatures: 65 bytes of hex or more, and what is as long in base64. A
 * facilitator that repeats what it was sent must not bring a signature into the log.
 */
function unsigned(text: string): string {
  return text.replace(/0x[0-9a-f]{130,}|[\w+/-]{300,}={0,2}/gi, REMOVED);
}

const MAX_BRIEF = 200;
const MAX_TEXT = 1_000;
const MAX_CAUSES = 4;

/**
 * A short form of an error or a text from another system: the first line of each cause, without URLs and without
 * anything long enough to be a key or a signature. Never throws.
 */
export function brief(thrown: unknown): string {
  // A very long text was not written as a log message.
  if (typeof thrown === "string" && thrown.length > MAX_TEXT) return `[${thrown.length} characters]`;
  try {
    const lines: string[] = [];
    for (let one = thrown; one !== undefined && lines.length < MAX_CAUSES; one = (one as Error).cause) {
      lines.push(String(one instanceof Error ? one.message : one).split("\n", 1)[0] ?? "");
      if (!(one instanceof Error)) break;
    }
    return lines
      .join(": ")
      .slice(0, 10 * MAX_BRIEF)
      .replace(/\b\w+:\/\/\S+/g, "[url]")
      .replace(/[\w+/=.-]{24,}/g, (text) => (/\d/.test(text) || text.length > 64 ? REMOVED : text))
      .slice(0, MAX_BRIEF);
  } catch {
    return "unreadable";
  }
}

/**
 * A value for the log, in all texts of which what stands in `input` is replaced: a handler that fails often says over
 * what, and so does a schema that refuses its output. Never throws, whatever was thrown, and takes a bounded time.
 */
export function withoutInput(value: unknown, input: unknown): unknown {
  try {
    return createHiding(textsOf(input))(value, DEEPEST);
  } catch {
    return "what was thrown cannot be read";
  }
}

/** `undefined` for `texts`: there are too many to look for. */
function createHiding(texts: Set<string> | undefined): (value: unknown, depth: number) => unknown {
  const hidden = texts && [...texts].sort((a, b) => b.length - a.length);
  let parts = 0;
  let work = 0;

  function hide(text: string): string {
    work += text.length * (1 + (hidden?.length ?? 0));
    if (!hidden || work > MAX_WORK) return REMOVED;
    return hidden.reduce((left, one) => left.replaceAll(one, "[input]"), unsigned(text));
  }

  return function hideAll(value, depth): unknown {
    parts += 1;
    if (typeof value === "string") return hide(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth === 0 || parts > MAX_PARTS) return REMOVED;
    if (value instanceof Error) {
      const plain = hideAll(plainError(value), depth - 1) as { readonly stack?: unknown };
      return plain.stack === REMOVED ? mute(value) : plain;
    }
    if (Array.isArray(value)) return value.slice(0, MAX_PARTS).map((one) => hideAll(one, depth - 1));
    const members = Object.entries(value).slice(0, MAX_PARTS);
    return Object.fromEntries(members.map(([name, one]) => [name, hideAll(one, depth - 1)]));
  };
}

/** A text as it stands, in JSON and in an address: an error says over what it is in any of these. */
function formsOf(text: string): string[] {
  return [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text.replace(/\p{Surrogate}/gu, "\ufffd")),
  ];
}

/** What an error is and where it was thrown, without what it says. */
function mute(error: Error): object {
  const lines = String(error.stack).split("\n");
  const isFrame = (line: string): boolean => line.startsWith("    at ");
  const said = lines.findLastIndex((line) => !isFrame(line));
  return {
    name: error.constructor.name,
    message: REMOVED,
    stack: unsigned(lines.slice(said + 1).join("\n")),
  };
}

/** All texts and numbers of a value that are long enough to be told by; `undefined` when they are too many. */
function textsOf(value: unknown): Set<string> | undefined {
  const texts = new Set<string>();
  const seen = new Set<object>();
  const rest = [value];
  while (rest.length > 0) {
    const one = rest.pop();
    if (typeof one === "string" || typeof one === "number" || typeof one === "bigint") {
      const text = String(one);
      for (const form of formsOf(text)) if (form.length >= SHORTEST_HIDDEN) texts.add(form);
      if (texts.size > MAX_HIDDEN) return undefined;
    } else if (typeof one === "object" && one !== null && !seen.has(one)) {
      seen.add(one);
      // One by one: as arguments of one call they could be more than fit on the stack.
      for (const [name, member] of Object.entries(one)) {
        rest.push(member);
        // A key that is not a known field belongs to the caller.
        if (!/^[\w-]*$/.test(name)) rest.push(name);
      }
    }
  }
  return texts;
}
