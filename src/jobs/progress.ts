/** Progress on its way to the store. */
export interface Progress {
  report(percent: number, message: string | undefined): void;
  /** Writes what is not written yet, and waits for it: the end of the job must not be overtaken. */
  end(): Promise<void>;
}

/**
 * Writes the last of what is reported, `everyMs` apart at least: a handler that reports ten thousand steps must not
 * become ten thousand writes. The first report is written at once.
 */
export function createProgress(
  everyMs: number,
  write: (percent: number, message: string | undefined) => Promise<unknown>,
): Progress {
  let next: readonly [percent: number, message: string | undefined] | undefined;
  let last: readonly [percent: number, message: string | undefined] | undefined;
  let writing: Promise<unknown> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function writeNext(): void {
    timer = undefined;
    if (next === undefined) return;
    if (writing !== undefined) {
      timer = setTimeout(writeNext, everyMs);
      return;
    }
    const [percent, message] = next;
    last = next;
    next = undefined;
    writing = write(percent, message).finally(() => {
      writing = undefined;
    });
    timer = setTimeout(writeNext, everyMs);
  }

  return {
    report(percent, message) {
      if (last?.[0] === percent && last[1] === message) return;
      next = [percent, message];
      if (timer === undefined) writeNext();
    },
    async end() {
      await writing;
      clearTimeout(timer);
      writeNext();
      clearTimeout(timer);
      await writing;
    },
  };
}
