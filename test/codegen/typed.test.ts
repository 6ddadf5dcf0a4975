import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { typed } from "../../codegen/cli/typed.ts";

const folder = mkdtempSync(join(tmpdir(), "resource402-typed-"));
const bins = join(folder, "node_modules", ".bin");
const global = join(folder, "bin");
for (const place of [bins, global]) {
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, "resource402"), "#!/bin/sh\n");
  chmodSync(join(place, "resource402"), 0o755);
}
afterAll(() => rmSync(folder, { recursive: true }));

const path = (...folders: string[]) => [...folders, join(folder, "none")].join(delimiter);

it.each([
  ["the shell finds it", { PATH: path(global) }, "resource402"],
  ["the user has put the project's bins on the PATH", { PATH: path(bins) }, "resource402"],
  ["it is in no folder of the PATH", { PATH: path() }, "npx resource402"],
  ["there is no PATH", {}, "npx resource402"],
  [
    "npm has put it there",
    { PATH: path(bins), npm_config_user_agent: "npm/11.0.0 node/v24" },
    "npx resource402",
  ],
  ["pnpm has", { PATH: path(bins), npm_config_user_agent: "pnpm/10.1.0 npm/?" }, "pnpm exec resource402"],
  ["yarn has", { PATH: path(bins), npm_config_user_agent: "yarn/4.0.0" }, "yarn resource402"],
  ["bun has", { PATH: path(bins), npm_config_user_agent: "bun/1.4.0" }, "bunx resource402"],
  [
    "npm runs one that is installed for all",
    { PATH: path(bins, global), npm_config_user_agent: "npm/11" },
    "resource402",
  ],
])("a hint names the command as it has to be typed where %s", (_, env, command) => {
  expect(typed("refunds list", env)).toBe(`${command} refunds list`);
});
