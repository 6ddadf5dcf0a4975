import { pino } from "pino";
import { plainError } from "./redact.ts";

/** The target of log lines. Accepts pino, winston and `console`. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** Whether lines of this level are written, where the logger can tell: the fields of others are not put together. */
  isLevelEnabled?(level: "debug" | "info" | "warn" | "error"): boolean;
}

type Level = Exclude<keyof Logger, "isLevelEnabled">;

/** The lowest level of lines that are logged. */
export type LogLevel = Level | "silent";

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
    this.#say("debug", fields, message);
  }
  info(fields: object, message: string): void {
    this.#say("info", fields, message);
  }
  warn(fields: object, message: string): void {
    this.#say("warn", fields, message);
  }
  error(fields: object, message: string): void {
    this.#say("error", fields, message);
  }
  /** A log that cannot be written, on a full disk for example, decides nothing about a call. */
  #say(level: Level, fields: object, message: string): void {
    try {
      if (this.#logger.isLevelEnabled?.(level) === false) return;
      this.#logger[level](this.#with(fields), message);
    } catch {}
  }
  #with(fields: object): object {
    const all: Record<string, unknown> = { ...this.#fields, ...fields };
    for (const name in fields) if (all[name] instanceof Error) all[name] = plainError(all[name]);
    return all;
  }
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
