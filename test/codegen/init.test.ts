import { spawn } from "node:child_process";
import { readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startWorld } from "resource402/testing";
import { describe, expect, it } from "vitest";
import { createProject, type Project } from "./project.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { version, dependencies } = JSON.parse(readFileSync(join(root, "codegen/package.json"), "utf8"));
const SAMPLE = ["resources.ts", "handlers/summarise.ts", "handlers/drawPattern.ts", "server.ts", "README.md"];
const SETTINGS = ["tsconfig.json", ".gitignore", ".env.example"];
const PAY_TO = "0x0000000000000000000000000000000000000402";

/** Runs a program of this repository's in a folder of the project. */
function run(
  project: Project,
  folder: string,
  words: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; text: string }> {
  const cwd = join(project.folder, folder);
  const child = spawn(process.execPath, words, { cwd, env: { ...process.env, NO_COLOR: "1", ...env } });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (more: string) => {
      text += more;
    });
  }
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, text })));
}

/** What `npm install` would bring, as far as compiling needs it. */
function installed(files: Readonly<Record<string, string>> = {}): Project {
  const project = createProject(files);
  symlinkSync(join(root, "node_modules/@types"), join(project.folder, "node_modules/@types"));
  return project;
}

describe("resource402 init", () => {
  it("writes a project that sells what is asked for, without advice, that compiles and is formatted", async () => {
    using project = installed();
    const sold = {
      answer: ["resources.ts", "handlers/summarise.ts", "server.ts", "README.md"],
      job: ["resources.ts", "handlers/drawPattern.ts", "server.ts", "README.md"],
      both: SAMPLE,
    };
    for (const [sample, paths] of Object.entries(sold)) {
      const { code, out, err } = await project.run("init", `${sample}-kit`, "--sample", sample);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toContain(`Wrote package.json, ${[...SETTINGS, ...paths].join(", ")}.\n`);
      expect(out).toContain(`  cd ${sample}-kit\n  npm install\n  npm run dev `);
    }
    expect(project.read("both-kit/resources.ts")).toContain('title: "Both Kit"');

    const {
      $schema: _,
      vcs: __,
      overrides: ___,
      ...rules
    } = JSON.parse(readFileSync(join(root, ".biome.json"), "utf8"));
    rules.linter.rules.suspicious.noConsole = "off";
    rules.files.includes.push("!**/package.json", "!node_modules");
    project.write("biome.json", JSON.stringify({ root: true, ...rules }));
    const biome = join(root, "node_modules/@biomejs/biome/bin/biome");
    const kits = Object.keys(sold).map((sample) => `${sample}-kit`);
    const checked = await run(project, ".", [biome, "check", ...kits]);
    expect(checked).toEqual({ code: 0, text: expect.stringMatching(/^Checked 13 files in/) });

    // All three at once: the compiler reads the library's sources, which stand in for the package, only once.
    const include = kits.flatMap((kit) => [`${kit}/*.ts`, `${kit}/handlers`]);
    project.write("tsconfig.json", JSON.stringify({ extends: "./both-kit/tsconfig.json", include }));
    const tsc = await run(project, ".", [join(root, "node_modules/typescript/bin/tsc"), "-p", "."]);
    // Those sources are not written to the settings of a new project.
    const complaints = tsc.text.split("\n").filter((line) => line.includes("-kit/"));
    expect(complaints).toEqual([]);
  });

  it("writes a package.json that installs this version and what it is developed with", async () => {
    using project = installed();
    await project.run("init", "kit", "--name", "Wörter & Co", "--pay-to", PAY_TO);
    expect(JSON.parse(project.read("kit/package.json"))).toMatchObject({
      name: "worter-co",
      private: true,
      type: "module",
      scripts: { dev: "resource402 dev", check: "resource402 generate --check && tsc" },
      dependencies: { resource402: `^${version}`, zod: "^4.0.0" },
      devDependencies: {
        "@resource402/cli": `^${version}`,
        typescript: dependencies.typescript,
        "@types/node": "^24",
      },
    });
    expect(project.read("kit/.env.example")).toContain(`PAY_TO=${PAY_TO}\n`);
    expect((await run(project, "kit", [join(root, "codegen/cli/main.ts"), "generate", "--check"])).code).toBe(
      0,
    );
  });

  it("adds to the package.json of npm init, and says what it changes there", async () => {
    const before = {
      name: "mine",
      version: "1.0.0",
      main: "index.js",
      scripts: { test: 'echo "Error: no test specified" && exit 1', dev: "my own" },
      license: "ISC",
      type: "commonjs",
      dependencies: { zod: "4.6.7" },
    };
    using project = installed({ "package.json": JSON.stringify(before, undefined, "\t") });
    const { code, out } = await project.run("init", "--yes");
    expect(code).toBe(0);
    expect(out).toContain("Wrote package.json (added to), tsconfig.json");
    expect(out).toContain('package.json now says "type": "module"');
    const text = project.read("package.json");
    const after = JSON.parse(text);
    expect(after).toMatchObject({ ...before, type: "module", dependencies: { resource402: `^${version}` } });
    expect(after.scripts).toMatchObject({ ...before.scripts, generate: "resource402 generate" });
    expect(text).toMatch(/^\{\n\t"name"/);
  });

  it("overwrites nothing, and writes no sample beside a definition that is there", async () => {
    using project = installed();
    await project.run("init", "--yes", "--sample", "answer");
    const mine = project.read("resources.ts").replace("Summarise a text", "Sum up a text");
    project.write("resources.ts", mine);
    project.write("README.md", "mine\n");
    rmSync(join(project.folder, ".gitignore"));
    const { out } = await project.run("init", "--yes");
    expect(out).toContain("Wrote .gitignore.\n");
    expect(out).toContain("Left unchanged: tsconfig.json, .env.example.\n");
    expect(out).toContain("resources.ts exists, so no sample was written.\n");
    expect(project.read("resources.ts")).toBe(mine);
    expect(project.read("README.md")).toBe("mine\n");
    expect(project.has("handlers/drawPattern.ts")).toBe(false);
  });

  it("reports ignored flags on a second run, and fails when there is nothing else to do", async () => {
    using project = installed();
    await project.run("init", "--yes", "--sample", "answer");
    const again = await project.run("init");
    expect(again).toMatchObject({ code: 0, err: "" });
    expect(again.out).toMatch(
      /\nNothing to add\. To create another project: npx resource402 init <folder>\n$/,
    );
    expect(again.out).not.toContain("Next:");
    const { code, out, err } = await project.run(
      "init",
      "--name",
      "Other",
      "--sample",
      "job",
      "--pay-to",
      PAY_TO,
    );
    expect({ code, err }).toEqual({
      code: 1,
      err: "Nothing to add. To create another project: npx resource402 init <folder>\n",
    });
    expect(out).toContain("Left unchanged: tsconfig.json, .gitignore, .env.example.\n");
    expect(out).toContain("Ignored: --name, --sample. Write it into resources.ts yourself.\n");
    expect(out).toContain("Ignored: --pay-to. Write it into .env yourself.\n");
    expect(out).not.toContain("Next:");
    rmSync(join(project.folder, ".env.example"));
    const third = await project.run("init", "--pay-to", PAY_TO);
    expect(third).toMatchObject({ code: 0, out: expect.not.stringContaining("Ignored") });
    expect(project.read(".env.example")).toContain(`PAY_TO=${PAY_TO}\n`);
  });

  it.each<[given: string, words: string[], code: number, text: string]>([
    ["no flags and no terminal", [], 2, "Cannot ask questions without a terminal."],
    ["an address that is none", ["--pay-to", "0x12"], 2, "0x12 is not an address"],
    [
      "a mistyped address",
      ["--pay-to", "0xD8dA6BF26964aF9D7eEd9e03E53415D37aA96045"],
      2,
      "has a wrong checksum (EIP-55)",
    ],
    ["the zero address", ["--pay-to", `0x${"0".repeat(40)}`], 2, "is the zero address"],
    ["an empty name", ["--name", ""], 2, "--name is empty."],
    ["a blank name", ["--name", "  ", "--yes"], 2, "--name is empty."],
    ["an unknown sample", ["--sample", "none"], 2, "Allowed choices are answer, job, both"],
  ])("refuses %s, and writes nothing", async (_, words, code, text) => {
    using project = installed();
    const { code: ended, err } = await project.run("init", "kit", ...words);
    expect(ended).toBe(code);
    expect(err).toContain(text);
    expect(project.has("kit")).toBe(false);
  });

  it("refuses a folder with CommonJS files", async () => {
    using project = installed({ "package.json": "{}", "index.js": "module.exports = 1;\n" });
    const { code, err } = await project.run("init", "--yes");
    expect(code).toBe(1);
    expect(err).toContain('does not say "type": "module", and index.js may rely on that');
    expect(project.has("resources.ts")).toBe(false);
  });
});

describe("a new project", () => {
  it("sells what its sample says, to the wallet of dev", async () => {
    using project = installed();
    await project.run("init", "--yes");
    const { process: child, until } = project.start("dev", "--port", "0");
    const url = /http:\/\/localhost:\d+/.exec(await until("dev reloads on every change"))?.[0] ?? "";
    const buy = async (resource: string, input: unknown) => {
      const answer = await fetch(`${url}/_dev/call`, {
        method: "POST",
        body: JSON.stringify({ resource, input }),
      });
      const last = (await answer.text()).trimEnd().split("\n").at(-1) ?? "";
      return JSON.parse(last) as { output?: { svg?: string }; usd?: string };
    };
    const { default: api } = await import(join(project.folder, "resources.ts"));
    const [{ input, output }] = api.resources.summarise.examples;
    expect(await buy("summarise", input)).toMatchObject({ output, usd: "0.002" });
    expect(await buy("summarise", { text: " … " })).toMatchObject({ code: "no_sentence", charged: "no" });

    const drawn = await buy("drawPattern", { words: "a harbour", size: "small" });
    expect(drawn).toMatchObject({ output: { circles: 64 }, usd: "0.01" });
    const { svg = "" } = drawn.output ?? {};
    expect(svg.match(/<circle /g)).toHaveLength(64);
    expect((await buy("drawPattern", { words: "a harbour", size: "small" })).output?.svg).toBe(svg);
    expect((await buy("drawPattern", { words: "a haven", size: "small" })).output?.svg).not.toBe(svg);
    expect(await buy("drawPattern", { words: "12" })).toMatchObject({ code: "no_letter" });
    child.kill("SIGINT");
    await new Promise((resolve) => child.once("close", resolve));
  });

  it("starts in production by its environment, or says what is missing there", async () => {
    using project = installed();
    await project.run("init", "--yes");
    const bare = { PAY_TO: "", FACILITATOR_URL: "", PORT: "x" };
    expect(await run(project, ".", ["server.ts"], bare)).toEqual({
      code: 1,
      text: `PAY_TO must be the address that is paid: 0x and 40 hexadecimal digits.
FACILITATOR_URL must be the URL of a facilitator: https://….
PORT must be a number from 0 to 65535.
Set it in the environment or in .env; .env.example shows how.
`,
    });

    await using world = await startWorld({ chain: false });
    const { url: facilitator } = await world.startFacilitatorServer();
    project.write(".env", `PAY_TO=${PAY_TO}\nFACILITATOR_URL=${facilitator}\nPORT=0\n`);
    const child = spawn(process.execPath, ["--env-file-if-exists=.env", "server.ts"], {
      cwd: project.folder,
    });
    try {
      const url = await new Promise<string>((resolve, reject) => {
        let text = "";
        child.once("close", () => reject(new Error(text)));
        for (const stream of [child.stdout, child.stderr]) {
          stream.on("data", (more: Buffer) => {
            text += more;
            const [, url] = /Serving at (\S+)/.exec(text) ?? [];
            if (url !== undefined) resolve(url);
          });
        }
      });
      const answer = await fetch(`${url}/v1/summarise`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ text: "It rained." }),
      });
      expect(answer.status).toBe(402);
      expect(await answer.json()).toMatchObject({ accepts: [{ payTo: PAY_TO }] });
    } finally {
      child.kill("SIGTERM");
      await new Promise((resolve) => child.once("close", resolve));
    }
  });
});
