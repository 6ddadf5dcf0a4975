import { sweepAll } from "../../src/store/sweep.ts";
import { stopCode } from "./command.ts";
import { counted, sayDone, sayProgress } from "./say.ts";
import { withStore } from "./store.ts";

export interface SweepOptions {
  /** Path of a SQLite file, or URL of a Postgres database. */
  readonly store: string;
}

/** Deletes expired records. Returns the exit code: 0, 1 when the store cannot be written, or that of being stopped. */
export async function sweepStore(options: SweepOptions, signal: AbortSignal): Promise<number> {
  return withStore(options.store, async (store) => {
    const swept = await sweepAll(store, (so) => {
      if (so > 0) sayProgress(`Deleted ${counted(so, "record")} …`);
      return !signal.aborted;
    });
    sayProgress("");
    const rest = signal.aborted ? " Run the command again for the rest." : "";
    sayDone(swept === 0 ? "There is nothing to delete." : `Deleted ${counted(swept, "record")}.${rest}`);
    return signal.aborted ? stopCode(signal) : 0;
  });
}
