import { largeInputBytes } from "./input-bytes.ts";
import type { JobRecord } from "./store.ts";

/** The sizes of the large inputs that are kept, by payer and job. Free jobs count as those of one payer. */
export function createInputIndex() {
  const inputs = new Map<string, Map<string, number>>();
  return {
    keep(job: JobRecord): void {
      const bytes = largeInputBytes(job);
      if (bytes === 0) return;
      const own = inputs.get(job.payer ?? "") ?? new Map<string, number>();
      inputs.set(job.payer ?? "", own.set(job.id, bytes));
    },
    drop({ id, payer = "" }: JobRecord): void {
      const own = inputs.get(payer);
      if (own?.delete(id) && own.size === 0) inputs.delete(payer);
    },
    of(payer = ""): number {
      let kept = 0;
      for (const bytes of inputs.get(payer)?.values() ?? []) kept += bytes;
      return kept;
    },
  };
}
