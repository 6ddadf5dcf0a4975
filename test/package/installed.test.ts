import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeCommands, type Followed } from "./commands.ts";
import { followedPages, INSTALLATION_MS, type Installed, installedProject } from "./installation.ts";
import { describeSamples } from "./samples.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));
const fixture = fileURLToPath(new URL("./fixture/", import.meta.url));

let project: Installed;
let followed: Followed;
const at = (...path: string[]): string => join(project.folder, ...path);

const installed = (name: string): string => at("node_modules/.bin", name);
const generate = (...args: string[]) => project.command(installed("resource402"), "generate", ...args);
const typecheck = () => project.command(installed("tsc"), "-p", ".");

beforeAll(async () => {
  followed = await followedPages();
  project = await installedProject();
}, INSTALLATION_MS);

afterAll(() => project?.remove());

describeCommands(() => followed);

it("init generates in a folder where nothing is installed yet", async () => {
  const folder = await mkdtemp(join(tmpdir(), "resource402-init-"));
  try {
    const cli = installed("resource402");
    const { stderr } = await run("node", [cli, "init", ".", "--yes"], { cwd: folder });
    expect(stderr).toBe("");
    expect(await readdir(folder)).toContain("client.gen.ts");
  } finally {
    await rm(folder, { recursive: true });
  }
});

describe("an API written from scratch with the installed package", () => {
  it("is generated, filled in, type-checked under the strictest settings, and bought from on a chain", async () => {
    await project.empty();
    for (const name of ["resources.ts", "buy.ts"]) await cp(join(fixture, name), at(name));
    const first = await generate();
    expect(first).toMatchObject({ code: 0 });
    const stubs = await readdir(at("handlers"));
    expect(stubs.sort()).toEqual(["countSyllables.ts", "rhymes.ts", "writePoem.ts"]);
    expect(await typecheck()).toEqual({ code: 0, text: "" });

    // Filling in: each stub's body by a function, the generated files untouched.
    const handlers = await readFile(join(fixture, "handlers.ts"), "utf8");
    for (const name of ["countSyllables", "rhymes", "writePoem"]) {
      const body = new RegExp(`export const ${name}[\\s\\S]*?\\n\\}?\\)?;\\n`).exec(handlers)?.[0] ?? "";
      const text = `import type { Handlers } from "../server.gen.js";\n\n${body}`;
      await writeFile(at("handlers", `${name}.ts`), text);
    }
    expect(await typecheck()).toEqual({ code: 0, text: "" });
    expect(await generate("--check")).toMatchObject({ code: 0 });

    const anvil = join(root, "node_modules/.bin/anvil");
    const bought = await run("node", ["buy.ts"], {
      cwd: project.folder,
      env: { ...process.env, RESOURCE402_ANVIL: anvil },
    });
    expect(JSON.parse(bought.stdout)).toEqual({
      quotes: ["0.01", "0.004", "0.14"],
      syllables: [3],
      rhymes: ["hat", "mat"],
      poem: [0, 1, 2, 3].map((n) => `rain ${n} (sonnet)`).join("\n"),
      title: "Untitled",
      failure: "failed no_muse yes",
      received: String(10_000 + 4_000 + 140_000 + 50_000),
    });
  }, 300_000);

  it.each([
    [
      "a deleted description",
      '.describe("The word to rhyme with.")',
      "",
      "resources.rhymes.input.word",
      "describe(",
    ],
    ["a mistyped price", '"0.004"', '"0,004"', "resources.rhymes.price", '"0.05"'],
    ["a renamed path parameter", "/v1/rhymes/:word", "/v1/rhymes/:term", "resources.rhymes.path", "term"],
  ])(
    "%s makes generate fail, naming the place and the fix, and writes nothing",
    async (_, from, to, place, fix) => {
      await project.empty();
      const source = await readFile(join(fixture, "resources.ts"), "utf8");
      expect(source).toContain(from);
      await writeFile(at("resources.ts"), source.replace(from, to));
      const { code, text } = await generate();
      expect(code).toBe(1);
      expect(text).toContain(place);
      expect(text).toContain("fix");
      expect(text).toContain(fix);
      expect((await readdir(project.folder)).filter((name) => name.endsWith(".gen.ts"))).toEqual([]);
    },
  );

  it("a renamed path makes --check fail with the difference, and the buyer's types follow a renamed field", async () => {
    await project.empty();
    await cp(join(fixture, "resources.ts"), at("resources.ts"));
    await cp(join(fixture, "buy.ts"), at("buy.ts"));
    await generate();
    const source = await readFile(join(fixture, "resources.ts"), "utf8");
    await writeFile(
      at("resources.ts"),
      source
        .replace("/v1/rhymes/", "/v2/rhymes/")
        .replace("words: z", "terms: z")
        .replace('perUnit("words"', 'perUnit("terms"'),
    );
    const check = await generate("--check");
    expect(check.code).toBe(1);
    expect(check.text).toContain('-    path: "/v1/rhymes/:word",\n+    path: "/v2/rhymes/:word",');
    await generate();
    const types = await typecheck();
    expect(types.code).not.toBe(0);
    expect(types.text).toMatch(
      /buy\.ts\(\d+,\d+\): error TS\d+: .*'words' does not exist in type 'CountSyllablesInput'/,
    );
  });
});

describe("the client in a browser", () => {
  async function bundle(code: string): Promise<{ inputs: string[]; text: string }> {
    const result = await build({
      stdin: { contents: code, resolveDir: project.folder },
      bundle: true,
      minify: true,
      format: "esm",
      platform: "browser",
      target: "es2022",
      metafile: true,
      write: false,
      logLevel: "silent",
    });
    const text = result.outputFiles[0]?.text ?? "";
    return {
      // What is left after unused code was dropped.
      inputs: Object.values(result.metafile.outputs).flatMap(({ inputs }) =>
        Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
      ),
      text,
    };
  }

  it("pulls in neither zod nor viem nor anything of Node", async () => {
    const { inputs } = await bundle('export * from "resource402/client";');
    const packages = new Set(inputs.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]));
    expect([...packages].filter((name) => name !== undefined).sort()).toEqual(["resource402"]);
  });

  it("with the EVM payer adds no package", async () => {
    const { inputs } = await bundle(
      'export * from "resource402/client"; export { evmPayer } from "resource402/evm";',
    );
    expect(inputs.filter((path) => /node_modules\/(?!resource402)/.test(path))).toEqual([]);
  });
});

describe("a program that is bundled", () => {
  it("is so without a warning, whichever doors of the package it uses", async () => {
    const { exports, dependencies, peerDependencies } = JSON.parse(
      await readFile(join(root, "package.json"), "utf8"),
    );
    const doors = Object.keys(exports).filter((door) => !/\.json$|\*/.test(door));
    expect(doors.length).toBeGreaterThan(8);
    for (const door of doors) {
      const { warnings } = await build({
        stdin: {
          contents: `export * from "${door.replace(".", "resource402")}";`,
          resolveDir: project.folder,
        },
        bundle: true,
        format: "esm",
        platform: "node",
        // What others' packages bring is theirs to fix.
        external: Object.keys({ ...dependencies, ...peerDependencies }),
        write: false,
        logLevel: "silent",
      });
      expect(warnings, door).toEqual([]);
    }
  });
});

it.each(["resource402", "@resource402/cli"])("%s carries what runs, and nothing else", async (name) => {
  const files = await readdir(at("node_modules", name), { recursive: true });
  const folders = new Set(files.map((file) => dirname(file).split("/")[0]));
  expect([...folders].sort()).toEqual([".", "dist"]);
});

it("the command contains no second copy of a module of resource402", async () => {
  const folder = at("node_modules/@resource402/cli/dist/command");
  const texts = await Promise.all(
    (await readdir(folder)).map((name) => readFile(join(folder, name), "utf8")),
  );
  // The bundler writes above each module where it was.
  const places = texts.flatMap((text) =>
    [...text.matchAll(/^\/\/ (\S+\.ts)$/gm)].map((place) => place[1] ?? ""),
  );
  expect(places.length).toBeGreaterThan(100);
  expect(places.filter((place) => /^\.\.\/(schema|src)\//.test(place))).toEqual([]);
});

describeSamples(() => project);
