// A process that shares a directory of calls with others: `node add-calls.ts <directory> <name> <count> <do>`.
// It is ready when it has said so, begins when it is told to, and says what it was given for each call once that is
// stored, each on a line of its own.
import { once } from "node:events";
import { fileCalls } from "../../src/node/calls.ts";
import { savedCall } from "./saved-call.ts";

const [directory = "", name = "", count = "0", what = "add"] = process.argv.slice(2);
const calls = fileCalls(directory, {
  onUnreadable: (path, cause) => console.log(JSON.stringify({ unreadable: path, cause: String(cause) })),
});

process.stdout.write("ready\n");
await once(process.stdin, "data");
process.stdin.destroy();

for (let n = 0; n < Number(count); n += 1) {
  const own = savedCall(n, `payment ${n} of ${name}`);
  const stored = what === "add" ? await calls.add(own) : await calls.replace(savedCall(n), own);
  process.stdout.write(`${JSON.stringify({ n, header: stored.payment.header })}\n`);
}
