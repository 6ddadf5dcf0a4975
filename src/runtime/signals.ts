import { constants } from "node:os";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
/** A process that is the first of its container is not ended by a signal of its own: it exits, after this long. */
const EXIT_AFTER_MS = 500;

/**
 * Calls `stop` with the first signal that asks this process to end, and lets the signal end it when that is done; a second
 * one ends it at once. When other code listens to the signal, the process ends only if that code ends it.
 * @returns Takes that back.
 */
export function onEndingSignal(stop: (signal: NodeJS.Signals) => Promise<void>): () => void {
  let stopping = false;

  function heard(signal: (typeof SIGNALS)[number]): void {
    if (stopping) {
      end(signal);
      return;
    }
    stopping = true;
    stop(signal)
      .catch((error: unknown) => process.stderr.write(`${error}\n`))
      .finally(() => end(signal));
  }

  function forget(): void {
    for (const signal of SIGNALS) process.off(signal, heard);
  }

  function end(signal: (typeof SIGNALS)[number]): void {
    forget();
    if (process.listenerCount(signal) > 0) return;
    // Not by an exit code: a supervisor, or a shell that was told to stop, looks for the signal.
    process.kill(process.pid, signal);
    setTimeout(() => process.exit(128 + constants.signals[signal]), EXIT_AFTER_MS);
  }

  for (const signal of SIGNALS) process.on(signal, heard);
  return forget;
}
