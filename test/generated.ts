import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Generates the committed files of every definition in the repository, with the built command.
 * `--check` changes nothing and ends with 1 when one of them is stale.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const definitions = globSync(["examples/*/resources.ts", "test/fixtures/shop/resources.ts"], { cwd: root });

for (const definition of definitions.toSorted()) {
  process.stdout.write(`${definition}\n`);
  const args = ["dist/cli.js", "generate", definition, ...process.argv.slice(2)];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
