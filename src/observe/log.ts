/** Where log lines go. `console`, pino and winston fit as they are. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** One JSON object a line, on standard error. Lines below `level` are dropped. */
export function jsonLogger(level: (typeof LEVELS)[number] = "info"): Logger {
  const line = (name: (typeof LEVELS)[number]) => (fields: object, message: string) => {
    if (LEVELS.indexOf(name) < LEVELS.indexOf(level)) return;
    console.error(JSON.stringify({ time: new Date().toISOString(), level: name, message, ...plain(fields) }));
  };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

/** A logger that adds `fields` to every line. */
export function childLogger(logger: Logger, fields: object): Logger {
  return new ChildLogger(logger, fields);
}

// A class, since one is made for every call: its methods are shared, closures would not be.
class ChildLogger implements Logger {
  readonly #logger: Logger;
  readonly #fields: object;
  constructor(logger: Logger, fields: object) {
    this.#logger = logger;
    this.#fields = fields;
  }
  debug(fields: object, message: string): void {
    this.#logger.debug({ ...this.#fields, ...fields }, message);
  }
  info(fields: object, message: string): void {
    this.#logger.info({ ...this.#fields, ...fields }, message);
  }
  warn(fields: object, message: string): void {
    this.#logger.warn({ ...this.#fields, ...fields }, message);
  }
  error(fields: object, message: string): void {
    this.#logger.error({ ...this.#fields, ...fields }, message);
  }
}

function plain(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? errorFields(value) : value]),
  );
}

function errorFields(error: Error): object {
  const cause = error.cause instanceof Error ? { cause: errorFields(error.cause) } : {};
  return { name: error.name, message: error.message, stack: error.stack, ...cause };
}
