import { parseArgs } from "node:util";
import { fuzz } from "../server/fuzz-run.ts";

const HELP = `Sends odd requests to a server in this process, and prints what came of them.

  node test/attacks/fuzz.ts [options]

  --inputs N   how many requests (default 200000)
  --seed N     the same seed makes the same requests (default 20261129)
  --help

Needs a build. Ends with 1 after a 5xx, a handler without a payment, an error in the log, or memory that grows.
\`npm test\` runs 20,000 of them.`;

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "200000" },
    seed: { type: "string", default: "20261129" },
    help: { type: "boolean", default: false },
  },
});
/** Growth of the heap that is left after a collection, in MB. */
const MAX_GROWTH_MB = 30;

if (values.help) process.stdout.write(`${HELP}\n`);
else process.exitCode = await main();

async function main(): Promise<number> {
  const begun = performance.now();
  const { failed, unpaid, settlements, errors, blockMs, heapMb, statuses } = await fuzz(
    Number(values.inputs),
    Number(values.seed),
  );
  const [before, after] = heapMb.map((mb) => Math.round(mb)) as [number, number];
  const counts = Object.entries(statuses).map(([status, count]) => `${status} × ${count}`);
  const lines = [
    `${values.inputs} requests, seed ${values.seed}, in ${Math.round((performance.now() - begun) / 1_000)} s`,
    `statuses: ${counts.join(", ")}`,
    `handlers without a payment: ${JSON.stringify(unpaid)}; settlements: ${settlements}; errors in the log: ${errors.length}`,
    `heap after a collection: ${before} MB, then ${after} MB`,
    `longest event-loop block: ${Math.round(blockMs)} ms`,
    ...failed,
    ...errors.slice(0, 3),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  const isGood =
    failed.length + errors.length + settlements + Object.keys(unpaid).length === 0 &&
    after - before < MAX_GROWTH_MB;
  return isGood ? 0 : 1;
}
