import { spawn } from "node:child_process";
import { definitionOf, largeApi } from "./build/large-api.ts";
import { CLI, workshop, write } from "./build/workshop.ts";
import { track } from "./children.ts";
import { median, quantile } from "./statistics.ts";
import { atMost, type Measure, type Row } from "./table.ts";

/** From a change of one resource to the last file that it changes, by `generate --watch`. */
export const measure: Measure = async ({ quick, log }) => {
  const rows: Row[] = [];
  for (const [count, goal] of [
    [40, 150],
    [200, 150],
  ] as const) {
    const times = await changes(count, quick ? 5 : 30);
    const value = median(times);
    log(`${count} resources: ${value.toFixed(0)} ms`);
    rows.push({
      measure: `a change of one of ${count} resources to its files, --watch`,
      unit: " ms",
      peers: [],
      ours: { value, quartiles: [quantile(times, 0.25), quantile(times, 0.75)] },
      budget: [atMost(goal, value, " ms")],
    });
  }
  return rows;
};

/** The first changes only warm the process up. */
const WARM_UP = 3;

async function changes(count: number, turns: number): Promise<number[]> {
  const text = definitionOf(largeApi(count));
  const folder = workshop(`change-${count}`, { "resources.ts": text });
  const child = track(
    spawn(process.execPath, [CLI, "generate", "--watch"], {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
    }),
  );
  let wrote: () => void = () => {};
  child.stdout.setEncoding("utf8").on("data", (said: string) => {
    if (said.includes("Wrote")) wrote();
  });
  const next = (): Promise<void> =>
    new Promise((resolve, reject) => {
      wrote = resolve;
      child.once("exit", () => reject(new Error("generate --watch has ended")));
    });
  try {
    await next();
    const times: number[] = [];
    for (let turn = 0; turn < turns + WARM_UP; turn += 1) {
      // As between two changes of a person.
      await new Promise((resolve) => setTimeout(resolve, 600));
      const done = next();
      const since = performance.now();
      write(folder, {
        "resources.ts": text.replace("Draw an image from a text prompt.", `Draw image ${turn}.`),
      });
      await done;
      if (turn >= WARM_UP) times.push(performance.now() - since);
    }
    return times;
  } finally {
    child.kill();
  }
}
