import { existsSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CLI } from "./build/workshop.ts";
import { type Measure, machine, type Row, tableOf } from "./table.ts";
import { drifted } from "./versions.ts";

const MEASURES: Readonly<Record<string, () => Promise<{ measure: Measure }>>> = {
  "402": () => import("./402.ts"),
  paid: () => import("./paid.ts"),
  generate: () => import("./generate.ts"),
  change: () => import("./change.ts"),
  types: () => import("./types.ts"),
  bundle: () => import("./bundle.ts"),
  watch: () => import("./watch.ts"),
  retention: () => import("./retention.ts"),
};

const USAGE = `node bench/main.ts [${Object.keys(MEASURES).join(" | ")}]…

Measures this project beside its peers and prints one table. Ours is taken from dist/: build it first.

  --quick    fewer repetitions and smaller cases: whether it works, not how well
  --profile  also write CPU profiles of our servers to bench/.cache/profiles (slower: not for figures)
  --json     print the figures as JSON`;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const chosen = positionals.length > 0 ? positionals : Object.keys(MEASURES);
const unknown = chosen.find((name) => !Object.hasOwn(MEASURES, name));
if (flags.help || unknown !== undefined) {
  console.error(unknown === undefined ? USAGE : `There is no measure "${unknown}".\n\n${USAGE}`);
  process.exit(unknown === undefined ? 0 : 2);
}

if (!existsSync(CLI)) {
  console.error("There is no dist/: run `npm run bench`, which builds it.");
  process.exit(2);
}
for (const drift of drifted()) console.error(`warning: ${drift}`);

const profileTo = flags.profile ? fileURLToPath(new URL(".cache/profiles", import.meta.url)) : undefined;
if (profileTo !== undefined) mkdirSync(profileTo, { recursive: true });

const rows: Row[] = [];
for (const name of chosen) {
  const log = (text: string): void => console.error(`${name}: ${text}`);
  const module = await MEASURES[name]?.();
  rows.push(...((await module?.measure({ quick: flags.quick, profileTo, log })) ?? []));
}

const host = machine();
if (flags.json) {
  console.log(JSON.stringify({ machine: host, quick: flags.quick, rows }, null, 2));
} else {
  console.log(
    `${host.cpu}, ${host.cores} cores, ${host.system}, Node ${host.node}${flags.quick ? ", --quick" : ""}`,
  );
  console.log(tableOf(rows));
}
