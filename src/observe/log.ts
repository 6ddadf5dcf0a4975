import { pino } from "pino";

/** Where log lines go. pino, winston and `console` fit as they are. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type LogLevel = keyof Logger | "silent";

/**
 * pino: one JSON object a line on standard error, from `level` on. Where there is no such thing as a standard error
 * (Workers, a browser), pino's other build writes objects to the console.
 */
export function pinoLogger(level: LogLevel): Logger {
  const options = { level, browser: { asObject: true } };
  // Written at once: the last words of a process that dies are the ones that matter.
  return typeof pino.destination === "function"
    ? pino(options, pino.destination({ dest: 2, sync: true }))
    : pino(options);
}

/** A logger that adds `fields` to every line, and hands errors on as plain objects, whichever logger is behind it. */
export function childLogger(logger: Logger, fields: object): Logger {
  return new ChildLogger(logger, fields);
}

// A class, since one is made for every call: its methods are shared, closures would not be.
class ChildLogger implements Logger {
  readonly #logger: Logger;
  readonly #fields: object;
  constructor(logger: Logger, fields: object) {
    // A child's child adds to the first logger at once.
    if (logger instanceof ChildLogger) {
      this.#logger = logger.#logger;
      this.#fields = { ...logger.#fields, ...fields };
    } else {
      this.#logger = logger;
      this.#fields = fields;
    }
  }
  debug(fields: object, message: string): void {
    this.#logger.debug(this.#with(fields), message);
  }
  info(fields: object, message: string): void {
    this.#logger.info(this.#with(fields), message);
  }
  warn(fields: object, message: string): void {
    this.#logger.warn(this.#with(fields), message);
  }
  error(fields: object, message: string): void {
    this.#logger.error(this.#with(fields), message);
  }
  #with(fields: object): object {
    const all: Record<string, unknown> = { ...this.#fields, ...fields };
    for (const name in fields) if (all[name] instanceof Error) all[name] = plainError(all[name]);
    return all;
  }
}

/** How far down the causes of an error are followed. */
const DEPTH = 5;

/**
 * An error as every logger writes it. Only what says where and why: errors of HTTP clients carry the whole request as
 * a property, headers and payment included.
 */
function plainError(error: Error, depth = DEPTH): object {
  const { name, message, stack, cause } = error;
  const { code } = error as { readonly code?: unknown };
  return {
    name,
    message: unsigned(message),
    ...(typeof code === "string" || typeof code === "number" ? { code } : {}),
    ...(stack === undefined ? {} : { stack: unsigned(stack) }),
    ...(cause instanceof Error && depth > 0 ? { cause: plainError(cause, depth - 1) } : {}),
  };
}

/**
 * Text of somebody else, without what signs payments: 65 bytes of hex or more, and what is as long in base64. A
 * facilitator that repeats what it was sent must not bring a signature into the log.
 */
export function unsigned(text: string): string {
  return text.replace(/0x[0-9a-f]{130,}|[\w+/-]{300,}={0,2}/gi, "[removed]");
}

/** Shorter texts are words that stand in every message. */
const SHORTEST_HIDDEN = 4;

/**
 * A value for the log, in all texts of which what stands in `input` is replaced: a handler that fails often says over
 * what, and so does a schema that refuses its output.
 */
export function withoutInput(value: unknown, input: unknown): unknown {
  const hidden = [...new Set(textsOf(input))]
    .filter((text) => text.length >= SHORTEST_HIDDEN)
    .sort((a, b) => b.length - a.length);
  const hide = (text: string): string =>
    hidden.reduce((left, one) => left.replaceAll(one, "[input]"), unsigned(text));
  const hideAll = (part: unknown): unknown => {
    if (typeof part === "string") return hide(part);
    if (part instanceof Error) return hideAll(plainError(part));
    if (Array.isArray(part)) return part.map(hideAll);
    if (typeof part !== "object" || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([name, one]) => [name, hideAll(one)]));
  };
  return hideAll(value);
}

/** All texts and numbers of a value. */
function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value === "number" || typeof value === "bigint") return [String(value)];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}

/** The fields of an input that its definition allows into the log; `undefined` when it allows none. */
export function loggableOf(
  { loggable }: { readonly loggable: readonly string[] },
  input: unknown,
): object | undefined {
  if (loggable.length === 0 || typeof input !== "object" || input === null) return undefined;
  const shown = Object.entries(input).filter(([name]) => loggable.includes(name));
  return Object.fromEntries(shown);
}
