import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startWorld } from "resource402/testing";
import type { Attack, Target } from "./attack.ts";
import { BODIES } from "./bodies.ts";
import { CONNECTIONS } from "./connections.ts";
import { OUTSIDE } from "./outside.ts";
import { installed, openSeller, type Tree } from "./tree.ts";
import { WORK } from "./work.ts";

const HELP = `Attacks a listening server, a client and the commands from outside, and prints what each attack achieves.

  node test/attacks/main.ts [options]

  --before DIR   a built checkout of an earlier version, which is attacked too, for a table of before and after
  --only TEXT    only attacks whose name contains TEXT; separate several with commas
  --help

Needs a build. Ends with 1 when this version answers with 500, runs a handler without a payment, or exceeds a limit.`;

const { values } = parseArgs({
  options: {
    before: { type: "string" },
    only: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const ATTACKS = [...BODIES, ...WORK, ...OUTSIDE, ...CONNECTIONS];
const MAX_MEMORY_MB = 150;

/** What an attack achieved. */
interface Outcome {
  /** Responses with 500. */
  readonly errors: number;
  readonly unpaid: number;
  /** Beyond what the server had when the attack began. */
  readonly memoryMb: number;
  readonly blockMs: number;
  readonly text: string;
  readonly wrong: readonly string[];
}

if (values.help) process.stdout.write(`${HELP}\n`);
else process.exitCode = await main();

async function main(): Promise<number> {
  const only = (values.only ?? "").split(",");
  const chosen = ATTACKS.filter(({ name }) => only.some((text) => name.includes(text.trim())));
  const after = await outcomesOf(ROOT, chosen);
  const before = values.before === undefined ? undefined : await outcomesOf(resolve(values.before), chosen);
  process.stdout.write(`\n${tableOf(chosen, before, after)}\n`);
  const wrong = chosen.flatMap(
    ({ name }, index) => after[index]?.wrong.map((text) => `${name}: ${text}`) ?? [],
  );
  for (const line of wrong) process.stdout.write(`NO  ${line}\n`);
  return wrong.length === 0 ? 0 : 1;
}

async function outcomesOf(checkout: string, attacks: readonly Attack[]): Promise<Outcome[]> {
  await using tree = await installed(checkout);
  const outcomes: Outcome[] = [];
  for (const attack of attacks) {
    const begun = performance.now();
    const outcome = await outcomeOf(tree, attack);
    outcomes.push(outcome);
    const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
    process.stdout.write(`${checkout}: ${attack.name}: ${cellsOf(outcome).join("; ")} (${seconds} s)\n`);
  }
  return outcomes;
}

/** Runs one attack on a server of its own, so that no attack inherits the memory of another. */
async function outcomeOf(tree: Tree, attack: Attack): Promise<Outcome> {
  await using world = await startWorld({ chain: false });
  const facilitator = await world.startFacilitatorServer();
  const seller = await openSeller(tree, { PAY_TO: world.seller.address, FACILITATOR_URL: facilitator.url });
  const statuses: number[] = [];
  const target: Target = {
    ...{ tree, seller, world },
    async send(path, init) {
      const ask = () => fetch(seller.url + path, init);
      // A busy runner is late with a connection that the server has closed as idle. A server that has ended refuses again.
      const answer = await ask().catch(ask).catch(ask);
      statuses.push(answer.status);
      return { status: answer.status, headers: answer.headers, text: await answer.text() };
    },
  };
  try {
    for (let warm = 0; warm < 20; warm += 1) await target.send("/v1/items/x");
    const { peakMb: had } = await seller.stats("reset");
    const { text, isBounded } = await attack.run(target);
    const { runs, peakMb, blockMs } = await seller.stats();
    const free = ["anything", "echo", "draft"];
    const ran = Object.entries(runs).reduce(
      (sum, [name, count]) => (free.includes(name) ? sum : sum + count),
      0,
    );
    const unpaid = Math.max(0, ran - (await world.transfers()).length);
    const errors = statuses.filter((status) => status === 500).length;
    const memoryMb = Math.round(peakMb - had);
    const wrong = [
      ...(errors > 0 ? [`${errors} responses with 500`] : []),
      ...(unpaid > (attack.unpaid ?? 0) ? [`${unpaid} handlers without a payment`] : []),
      ...(memoryMb > (attack.memoryMb ?? MAX_MEMORY_MB) ? [`${memoryMb} MB of memory`] : []),
      ...(isBounded ? [] : [text]),
    ];
    return { errors, unpaid, memoryMb, blockMs: Math.round(blockMs), text, wrong };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { errors: 0, unpaid: 0, memoryMb: 0, blockMs: 0, text, wrong: [text] };
  } finally {
    await seller.close();
  }
}

function cellsOf({ errors, unpaid, memoryMb, blockMs, text }: Outcome): readonly string[] {
  return [`${errors}`, `${unpaid}`, `${memoryMb} MB`, `${blockMs} ms`, text];
}

function tableOf(
  attacks: readonly Attack[],
  before: readonly Outcome[] | undefined,
  after: readonly Outcome[],
): string {
  const arrow = before === undefined ? "" : " (before → after)";
  const heads = ["500s", "unpaid handlers", "memory", "longest block", "what happens"].map(
    (head) => head + arrow,
  );
  const rows = attacks.map(({ name }, index) => {
    const [was, is] = [before?.[index], after[index]];
    const cells = is ? cellsOf(is) : [];
    const old = was ? cellsOf(was) : undefined;
    return [
      name,
      ...cells.map((cell, at) => (old === undefined || old[at] === cell ? cell : `${old[at]} → ${cell}`)),
    ];
  });
  const lines = [["attack", ...heads], ["---", ...heads.map(() => "---")], ...rows];
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}
