// Installs the packages of every seller, at the same time. Their versions conflict, so each folder has a lockfile.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const FOLDERS = [".", "faremeter", "dexterai"];
const FLAGS = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];

const codes = await Promise.all(
  FOLDERS.map(async (folder) => {
    const cwd = fileURLToPath(new URL(`${folder}/`, import.meta.url));
    const [code] = (await once(spawn("npm", ["ci", ...FLAGS], { cwd, stdio: "inherit" }), "exit")) as [
      number,
    ];
    return code;
  }),
);
process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
