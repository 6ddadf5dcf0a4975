import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Followed, type Installation, installation } from "./commands.ts";
import { followedPages, INSTALLATION_MS } from "./installation.ts";

const run = promisify(execFile);
let folder = "";
let followed: Followed;

const at = (...path: string[]): string => join(folder, ...path);

/** A folder where nothing is installed. */
async function emptyFolder(name: string): Promise<string> {
  await mkdir(at(name));
  await writeFile(at(name, "package.json"), JSON.stringify({ private: true, type: "module" }));
  return at(name);
}

async function install(cwd: string, ...args: string[]): Promise<Installation> {
  const flags = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=warn"];
  const { stderr } = await run("npm", ["install", ...flags, ...args], { cwd });
  return installation(cwd, stderr);
}

/** Runs the command in the seller's folder. */
const resource402 = (...args: string[]) =>
  run(join(followed.folder, "node_modules/.bin/resource402"), args, { cwd: followed.folder });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "resource402-budget-"));
  followed = await followedPages();
}, INSTALLATION_MS);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("npm installs", () => {
  it("at most 45 packages for a seller, none of which wants to run a script", () => {
    const [seller] = followed.installations;
    expect(seller?.warnings).toEqual([]);
    console.log(`seller: ${seller?.packages} packages`);
    expect(seller?.packages).toBeLessThanOrEqual(45);
  });

  it("at most 110 packages with the command, none of which wants to run a script", () => {
    const [, withCommand] = followed.installations;
    console.log(`with the command: ${withCommand?.packages} packages`);
    expect(withCommand?.packages).toBeLessThanOrEqual(110);
    expect(withCommand?.warnings).toEqual([]);
  });

  it("nothing beside a package for buyers", async () => {
    await resource402("sdk", "--name", "word-client", "--out", at("sdk"));
    const buyer = await emptyFolder("buyer");
    const { stdout } = await run("npm", ["pack", "--silent", "--pack-destination", buyer], {
      cwd: at("sdk"),
    });
    const { packages } = await install(buyer, "--offline", join(buyer, stdout.trim()));
    expect(packages).toBe(1);
    await run("node", ["--input-type=module", "--eval", 'await import("word-client")'], { cwd: buyer });
  });

  it("nothing for a client of another seller's API, which runs where nothing is installed", async () => {
    const buyer = await emptyFolder("client");
    await resource402("generate", "--from", "openapi.json", "--out", buyer);
    expect(await readdir(buyer)).not.toContain("node_modules");
    const code = `import { createClient } from "./client.gen.ts";
import { evmPayer } from "./evm.gen.js";
import { fileCalls } from "./node.gen.js";
const client = createClient({ baseUrl: "http://localhost:1", calls: fileCalls("calls") });
console.log(JSON.stringify([Object.keys(client), typeof evmPayer]));`;
    await writeFile(join(buyer, "buy.ts"), code);
    const { stdout } = await run("node", ["buy.ts"], { cwd: buyer });
    expect(JSON.parse(stdout)).toEqual([["drawPattern", "summarise", "pending", "budget"], "function"]);
    const texts = await Promise.all(
      (await readdir(buyer))
        .filter((name) => /\.gen\.(js|ts)$/.test(name))
        .map((name) => readFile(join(buyer, name), "utf8")),
    );
    expect(texts.join("\n")).not.toMatch(/from ["'](?!\.|node:)/);
  });

  it("the client's runtime where --import asks for it", async () => {
    const buyer = await emptyFolder("importing");
    await resource402("generate", "--from", "openapi.json", "--out", buyer, "--import");
    expect((await readdir(buyer)).sort()).toEqual([
      ...["API.md", "client.gen.ts", "package.json", "types.gen.ts"],
    ]);
    expect(await readFile(join(buyer, "client.gen.ts"), "utf8")).toContain('from "resource402/client"');
  });
});

describe("without what only some need", () => {
  it("the server and the SQLite store run", () => {
    expect(followed.without.server).toEqual({ code: 0, stderr: "" });
  });

  it.each([
    ["command", "npm install --save-dev @resource402/cli"],
    ["postgres", "npm install pg"],
    ["prometheus", "npm install @opentelemetry/sdk-metrics @opentelemetry/exporter-prometheus"],
  ] as const)("%s fails, and names the line that installs it", (name, line) => {
    expect(followed.without[name].code).toBe(1);
    expect(followed.without[name].stderr).toContain(line);
  });
});
