import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { definitionOf, largeApi } from "./build/large-api.ts";
import { CLI, OPENAPI_TYPESCRIPT, workshop } from "./build/workshop.ts";
import { runNode } from "./children.ts";
import { median, quantile } from "./statistics.ts";
import { atMost, type Measure, type Measurement, timesLess } from "./table.ts";

// Each run writes it again. Stubs are not: a handler is written once in its life, and this is about every other day.
const GENERATED = [
  ...["API.md", "client.gen.ts", "llms.txt", "openapi.json", "published.gen.ts", "server.gen.ts"],
  "types.gen.ts",
];

/** Seconds from the start of a process to the last file of a large API. */
export const measure: Measure = async ({ quick, log }) => {
  const [count, runs] = quick ? [100, 3] : [1000, 5];
  const folder = workshop("generate", { "resources.ts": definitionOf(largeApi(count)) });
  const withoutTypes = await bundleWithoutTypes(folder);
  const seconds = async (args: readonly string[]): Promise<number> =>
    (await runNode(args, folder)).milliseconds / 1000;
  const clean = (): void => {
    for (const path of GENERATED) rmSync(join(folder, path), { force: true });
  };

  const taken: Record<"part" | "all" | "peer", number[]> = { part: [], all: [], peer: [] };
  log(`${runs} runs of ${count} resources, after one that writes stubs and fills Node's compile cache`);
  for (let run = 0; run <= runs; run += 1) {
    clean();
    const part = await seconds([withoutTypes]);
    clean();
    const all = await seconds([CLI, "generate", "resources.ts"]);
    // On the document that ours has just written.
    const peer = await seconds([OPENAPI_TYPESCRIPT, "openapi.json", "-o", "peer.ts"]);
    if (run === 0) continue;
    taken.part.push(part);
    taken.all.push(all);
    taken.peer.push(peer);
    log(
      `without types ${part.toFixed(2)} s, all ${all.toFixed(2)} s, openapi-typescript ${peer.toFixed(2)} s`,
    );
  }

  const [part, all, peer] = [measurementOf(taken.part), measurementOf(taken.all), measurementOf(taken.peer)];
  const peers = [{ name: "openapi-typescript alone", ...peer }];
  const grouped = count.toLocaleString("en-US");
  return [
    {
      measure: `generate ${grouped} resources, without types`,
      unit: " s",
      peers,
      ours: part,
      budget: [atMost(1, part.value, " s")],
    },
    {
      measure: `generate ${grouped} resources, all`,
      unit: " s",
      peers,
      ours: all,
      budget: [timesLess(1, peer.value, all.value)],
    },
  ];
};

/** As one file of JavaScript, the form in which our command line is published. */
async function bundleWithoutTypes(folder: string): Promise<string> {
  const outfile = join(folder, "without-types.js");
  await build({
    entryPoints: [fileURLToPath(new URL("build/without-types.ts", import.meta.url))],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    logLevel: "error",
  });
  return outfile;
}

function measurementOf(values: readonly number[]): Measurement {
  return { value: median(values), quartiles: [quantile(values, 0.25), quantile(values, 0.75)] };
}
