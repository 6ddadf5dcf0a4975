import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** How an order ended. A failed one is not ordered again. */
interface Result {
  /** US dollars as a decimal: "0" when nothing was charged. */
  readonly paid: string;
  readonly imageUrl?: string;
  readonly failed?: string;
}

/** Results, one file for each order: they outlive a crash. */
export interface Results {
  has(name: string): boolean;
  save(name: string, result: Result): Promise<void>;
  /** Paid for all results, in millionths of a dollar. */
  paid(): number;
}

/** A decimal of at most 6 places as whole millionths, and back: sums of whole numbers are exact. */
export const millionths = (usd: string): number => Math.round(Number(usd) * 1_000_000);
export const dollars = (amount: number) => `${amount / 1_000_000}` as `${number}`;

export async function openResults(folder: string): Promise<Results> {
  await mkdir(folder, { recursive: true });
  const results = new Map<string, Result>();
  for (const file of await readdir(folder)) {
    if (!file.endsWith(".json")) continue;
    const result = JSON.parse(await readFile(join(folder, file), "utf8")) as Result;
    results.set(file.slice(0, -".json".length), result);
  }
  return {
    has: (name) => results.has(name),
    async save(name, result) {
      // A crash leaves either the whole file or none.
      await writeFile(join(folder, `${name}.tmp`), JSON.stringify(result, null, 2));
      await rename(join(folder, `${name}.tmp`), join(folder, `${name}.json`));
      results.set(name, result);
    },
    paid: () => [...results.values()].reduce((sum, { paid }) => sum + millionths(paid), 0),
  };
}
