import { readFileSync } from "node:fs";

/** What both sides stand on. */
const SHARED = [
  "@hono/node-server",
  "@x402/core",
  "@x402/evm",
  "hono",
  "openapi-typescript",
  "typescript",
  "viem",
  "zod",
];

/** The parts of which peers (`bench/`) and ours (the root) have different versions: the comparison would be of those. */
export function drifted(): readonly string[] {
  return SHARED.flatMap((name) => {
    const [peers, ours] = [versionIn("node_modules", name), versionIn("../node_modules", name)];
    return peers === ours ? [] : [`${name} is ${peers} for the peers and ${ours} for ours`];
  });
}

function versionIn(folder: string, name: string): string {
  const file = new URL(`${folder}/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
