import { throwIfAborted } from "./http.ts";

/** Runs the work of one id in turn. Aborting leaves the turn; work that has begun goes on. */
export type InTurn = <T>(id: string, signal: AbortSignal | undefined, work: () => Promise<T>) => Promise<T>;

export function createTurns(): InTurn {
  /** The last work of each id: the next one waits for its end. */
  const turns = new Map<string, Promise<unknown>>();
  return async (id, signal, work) => {
    throwIfAborted(signal);
    const before = turns.get(id);
    const turn = (async () => {
      await before;
      throwIfAborted(signal);
      return work();
    })();
    const ended = turn
      .catch(() => {})
      .then(() => {
        if (turns.get(id) === ended) turns.delete(id);
      });
    turns.set(id, ended);
    if (!before || !signal) return turn;
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    return Promise.race([turn, aborted]);
  };
}
