/** Interval of progress notifications. It is shorter than the default timeout of clients. */
const SIGN_OF_LIFE_MS = 15_000;
/** By how much a notice is above the last one when the percentage is not. */
const STEP = 0.01;

export interface ToolProgress {
  readonly tell: (percent: number, message: string) => void;
  /** Ends the signs of life. */
  readonly end: () => void;
}

/**
 * Progress as the protocol wants it: the number has to rise with every notice (MCP 2025-11-25, "Progress"), also when
 * only the message has changed, or nothing but the time has passed.
 */
export function createToolProgress(
  notify: (progress: number, message: string) => void,
  everyMs: number = SIGN_OF_LIFE_MS,
): ToolProgress {
  let last = -STEP;
  let said = "";
  const tell = (percent: number, message: string): void => {
    if (percent <= last && message === said) return;
    said = message;
    last = Math.max(percent, Math.round((last + STEP) * 100) / 100);
    notify(last, message);
  };
  const timer = setInterval(() => {
    last = Math.round((Math.max(last, 0) + STEP) * 100) / 100;
    notify(last, said === "" ? "waiting" : said);
  }, everyMs);
  return { tell, end: () => clearInterval(timer) };
}
