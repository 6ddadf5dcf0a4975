import { env } from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { listen } from "resource402/node";
import { createServer } from "./server.gen.ts";
import type { Stats } from "./stats.ts";

const runs: Record<string, number> = {};
let [handlers, mostHandlers, quotes, mostQuotes, blockMs] = [0, 0, 0, 0, 0];

async function work<T>(name: string, ms: number, output: T): Promise<T> {
  runs[name] = (runs[name] ?? 0) + 1;
  handlers += 1;
  mostHandlers = Math.max(mostHandlers, handlers);
  await pause(ms);
  handlers -= 1;
  return output;
}
const ok = { ok: true };
const instant = Object.fromEntries(
  ["ledger", "short", "values", "mixed", "item", "anything"].map((name) => [name, () => work(name, 0, ok)]),
);

const server = createServer({
  handlers: {
    ...instant,
    caption: () => work("caption", 300, ok),
    quoted: () => work("quoted", 0, ok),
    echo: ({ text }: { text: string }) => work("echo", 0, { text }),
    draft: ({ name }: { name: string }) => work("draft", name === "stuck" ? 60_000 : 0, ok),
    image: () => work("image", 0, ok),
  },
  quotes: {
    quoted: async () => {
      quotes += 1;
      mostQuotes = Math.max(mostQuotes, quotes);
      await pause(50);
      quotes -= 1;
      return "0.02";
    },
  },
  payments: {
    accepts: [{ network: "eip155:84532", payTo: env.PAY_TO }],
    facilitator: env.FACILITATOR_URL,
    maxOutstanding: "0.05",
  },
  jobs: { concurrency: 20, maxQueued: 500 },
  callbacks: { allowPrivate: true },
  log: { debug() {}, info() {}, warn() {}, error() {} },
} as never);
const { url } = await listen(server, { port: 0, hostname: "127.0.0.1" });

let [wall, used] = [performance.now(), process.threadCpuUsage()];
setInterval(() => {
  const { user, system } = process.threadCpuUsage(used);
  blockMs = Math.max(blockMs, Math.min((user + system) / 1_000, performance.now() - wall));
  [wall, used] = [performance.now(), process.threadCpuUsage()];
}, 1);
process.on("message", (question) => {
  if (question === "reset") blockMs = 0;
  const peakMb = process.resourceUsage().maxRSS / 1_024;
  process.send?.({ runs, mostHandlers, mostQuotes, peakMb, blockMs } satisfies Stats);
});
process.on("disconnect", () => process.exit());
process.send?.({ url });
