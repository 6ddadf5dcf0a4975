import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** How each package manager runs a command of the project. */
const RUNNERS: Readonly<Record<string, string>> = {
  pnpm: "pnpm exec resource402",
  yarn: "yarn resource402",
  bun: "bunx resource402",
};

/**
 * A command of this program as the user has to type it: `resource402 refunds list` where the shell finds it, else with the
 * package manager that has run this one before it.
 */
export function typed(words: string, env: Readonly<NodeJS.ProcessEnv> = process.env): string {
  const agent = env.npm_config_user_agent;
  const folders = (env.PATH ?? env.Path ?? "").split(delimiter);
  // A package manager adds the bins of the project to the PATH of what it runs, not to that of the shell.
  const own = agent === undefined ? folders : folders.filter((folder) => !/[\\/]\.bin$/.test(folder));
  const isFound = own.some(
    (folder) =>
      folder !== "" && ["", ".cmd"].some((ending) => existsSync(join(folder, `resource402${ending}`))),
  );
  const runner = RUNNERS[agent?.split("/")[0] ?? ""] ?? "npx resource402";
  return `${isFound ? "resource402" : runner} ${words}`;
}
