import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Stats } from "./shop/server.ts";

const SHOP = fileURLToPath(new URL("shop/", import.meta.url));
const BUYER = fileURLToPath(new URL("buyer.ts", import.meta.url));
const run = promisify(execFile);

/** A built version of resource402, and a folder in which it is installed. */
export interface Tree {
  readonly folder: string;
  /** The file of its command. */
  readonly command: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A server of that version, in a process of its own. */
export interface Seller {
  readonly url: string;
  /** "reset" forgets the longest block that was seen. */
  stats(question?: "reset"): Promise<Stats>;
  close(): Promise<void>;
}

/** Installs a built checkout in a new folder, with the API that is attacked, through its public entries alone. */
export async function installed(checkout: string): Promise<Tree> {
  const folder = await mkdtemp(join(tmpdir(), "resource402-attacks-"));
  const packages = join(folder, "node_modules");
  await mkdir(join(packages, "@resource402"), { recursive: true });
  await symlink(checkout, join(packages, "resource402"));
  await symlink(join(checkout, "node_modules", "zod"), join(packages, "zod"));
  await symlink(join(checkout, "node_modules", "viem"), join(packages, "viem"));
  await cp(SHOP, folder, { recursive: true });
  await cp(BUYER, join(folder, "buyer.ts"));
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  // Since the command is a package of its own it is not beside the others.
  const own = join(checkout, "codegen", "dist", "command", "main.js");
  const { existsSync } = await import("node:fs");
  const command = existsSync(own) ? own : join(checkout, "dist", "cli.js");
  await run(process.execPath, [command, "generate", "resources.ts"], { cwd: folder });
  return { folder, command, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

export async function openSeller(tree: Tree, env: Readonly<Record<string, string>>): Promise<Seller> {
  const child = spawn(process.execPath, ["server.ts"], {
    cwd: tree.folder,
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (part: string) => {
    text = (text + part).slice(-4_000);
  });
  const said = await Promise.race([once(child, "message"), once(child, "exit")]);
  const [{ url }] = said as [{ url?: string }];
  if (url === undefined) throw new Error(`the server does not start: ${text}`);
  return {
    url,
    async stats(question) {
      const answer = Promise.race([once(child, "message"), once(child, "exit")]);
      child.send(question ?? "stats");
      const [stats] = (await answer) as [Stats];
      if (typeof stats !== "object") throw new Error(`the server ended: ${text}`);
      return stats;
    },
    close: () => ended(child),
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}
