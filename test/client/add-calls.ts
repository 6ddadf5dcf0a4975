// A process that shares a directory of calls with others: `node add-calls.ts <directory> <name> <count> <do> <way>`.
// It stores the first call, goes on with the others when it is told to, and says what it was given for each once that
// is stored, each on a line of its own. Those that go different ways have each a first one to themselves.
import { once } from "node:events";
import { fileCalls } from "../../src/runtime/calls.ts";
import { savedCall } from "./saved-call.ts";

const [directory = "", name = "", count = "0", what = "add", way = "up"] = process.argv.slice(2);
const calls = fileCalls(directory, {
  onUnreadable: (path, cause) => console.log(JSON.stringify({ unreadable: path, cause: String(cause) })),
});

const toldToGoOn = once(process.stdin, "data");
for (let done = 0; done < Number(count); done += 1) {
  const n = way === "up" ? done : Number(count) - 1 - done;
  const own = savedCall(n, `payment ${n} of ${name}`);
  const stored = what === "add" ? await calls.add(own) : await calls.replace(savedCall(n), own);
  process.stdout.write(`${JSON.stringify({ n, header: stored.payment.header })}\n`);
  if (done > 0) continue;
  await toldToGoOn;
  process.stdin.destroy();
}
