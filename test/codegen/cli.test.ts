import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { load } from "../../codegen/cli/load.ts";
import { createProject } from "./project.ts";

const definition = (
  summary: string,
  more = "",
): string => `import { defineApi, price, resource } from "resource402";
import { z } from "zod";
export default defineApi({
  title: "Shop", version: "1.0.0", description: "For tests.",
  resources: {
    echo: resource({
      summary: ${JSON.stringify(summary)},
      input: z.object({ text: z.string().max(99).describe("What to say.") }),
      output: z.object({ text: z.string()${more === "undescribed" ? "" : '.describe("What was said.")'} }),
      price: price.fixed("0.01", { per: "text" }),
      timeout: "5s",
    }),
  },
});
`;

const FILES = [
  ...["API.md", "client.gen.ts", "llms.txt", "openapi.json", "published.gen.ts", "server.gen.ts"],
  "types.gen.ts",
];

describe("resource402 generate", () => {
  it("writes everything beside the definition and prints the next steps", async () => {
    using project = createProject({ "resources.ts": definition("Say it.") });
    expect(await project.run("generate")).toEqual({
      code: 0,
      out: "Wrote 7 files, 1 new handler to fill in: handlers/echo.ts.\n",
      err: "",
    });
    for (const file of [...FILES, "handlers/echo.ts"]) expect(project.has(file)).toBe(true);
    expect(project.read("server.gen.ts")).toContain('import api from "./resources.ts";');
  });

  it("writes nothing the second time", async () => {
    using project = createProject({ "resources.ts": definition("Say it.") });
    await project.run("generate");
    expect(await project.run("generate")).toEqual({ code: 0, out: "Up to date: 7 files.\n", err: "" });
  });

  it("writes only changed files, and never an existing handler", async () => {
    using project = createProject({ "resources.ts": definition("Say it.") });
    await project.run("generate");
    project.write("handlers/echo.ts", "// mine\n");
    project.write("resources.ts", definition("Say it again."));
    expect((await project.run("generate")).out).toBe("Wrote 6 files, 1 unchanged.\n");
    expect(project.read("handlers/echo.ts")).toBe("// mine\n");
  });

  it("finds the definition in schema/, and writes to another folder with the right paths", async () => {
    using project = createProject({ "schema/resources.ts": definition("Say it.") });
    expect((await project.run("generate", "--out", "src/generated", "--ext", "js")).code).toBe(0);
    expect(project.read("src/generated/server.gen.ts")).toContain(
      'import api from "../../schema/resources.js";',
    );
    expect(project.read("src/generated/types.gen.ts")).toMatch(
      /^\/\/ Generated from \.\.\/\.\.\/schema\/resources\.ts by/,
    );
  });

  it.each([
    ["{}", ".js"],
    [
      '{ "compilerOptions": { "allowImportingTsExtensions": true, "noEmit": true } } // with a comment',
      ".ts",
    ],
    ['{ "extends": "./base.json" }', ".ts"],
    // As create-next-app writes it: Turbopack and webpack do not find `resources.ts` by the name `resources.js`.
    ['{ "compilerOptions": { "module": "esnext", "moduleResolution": "bundler", "noEmit": true } }', ""],
  ])("imports the definition as the tsconfig.json %s asks", async (tsconfig, extension) => {
    using project = createProject({
      "resources.ts": definition("Say it."),
      "tsconfig.json": tsconfig,
      "base.json": '{ "compilerOptions": { "rewriteRelativeImportExtensions": true } }',
    });
    await project.run("generate");
    expect(project.read("server.gen.ts")).toContain(`import api from "./resources${extension}";`);
    expect(project.read("server.gen.ts")).toContain(`from "./types.gen${extension}";`);
    expect(project.read("server.gen.ts")).toContain(`import("./published.gen${extension}")`);
    expect(project.read("client.gen.ts")).toContain(`export type * from "./types.gen${extension}";`);
    expect(project.read("handlers/echo.ts")).toContain(
      `import type { Handlers } from "../server.gen${extension}";`,
    );
  });

  it("reports a missing handler with its import, and an unused one", async () => {
    using project = createProject({ "resources.ts": definition("Say it.") });
    await project.run("generate");
    project.write("handlers/words.ts", "export const words = [];\n");
    const server = `import { createServer } from "./server.gen.js";
import { echo } from "./handlers/echo.js";
export default createServer({ handlers: { echo } } as any);
`;
    project.write("server.ts", server);
    expect((await project.run("generate")).err).toBe("");

    project.write("resources.ts", definition("Say it.").replace("echo:", "repeat:"));
    const renamed = await project.run("generate");
    expect(renamed.code).toBe(0);
    expect(renamed.err).toBe(
      `server.ts lacks repeat. Add to \`handlers\` there, with:
  import { repeat } from "./handlers/repeat.js";
handlers/echo.ts is no longer used: no resource has that name. Delete it, or tsc will complain.
`,
    );
    expect(project.has("handlers/echo.ts")).toBe(true);
    // A handler without any generated text is reported only once.
    project.write("server.ts", server.replaceAll("echo", "repeat"));
    project.write("handlers/echo.ts", "export const echo = () => ({ text: '' });\n");
    project.write("handlers/repeat.ts", "export const repeat = () => ({ text: '' });\n");
    project.write("resources.ts", definition("Say it."));
    expect((await project.run("generate")).err).toContain(
      "handlers/repeat.ts is no longer used: no resource has that name. Delete it.\n",
    );
  });

  it("reads a definition whose package.json does not say that it is a module, without Node's notice", async () => {
    using project = createProject({ "resources.ts": definition("Say it."), "package.json": "{}" });
    expect(await project.run("generate")).toMatchObject({ code: 0, err: "" });
  });

  it("prints advice and goes on", async () => {
    using project = createProject({ "resources.ts": definition("Say it") });
    const { code, err } = await project.run("generate");
    expect(code).toBe(0);
    expect(err).toBe(
      "warning  resources.echo.summary  does not end with a period\n         fix: write a sentence\n",
    );
  });
});

describe("resource402 generate --check", () => {
  it("succeeds when generated files are up to date, whatever the handlers contain", async () => {
    using project = createProject({ "resources.ts": definition("Say it.") });
    await project.run("generate");
    project.write("handlers/echo.ts", "// mine\n");
    expect(await project.run("generate", "--check")).toEqual({
      code: 0,
      out: "Up to date: 7 files.\n",
      err: "",
    });
  });

  it("prints a diff of what is stale, fails, and writes nothing", async () => {
    using project = createProject({ "resources.ts": definition("Say it.") });
    await project.run("generate");
    const before = project.read("client.gen.ts");
    project.write("resources.ts", definition("Say it again."));
    const { code, out, err } = await project.run("generate", "--check");
    expect(code).toBe(1);
    expect(out).toContain("--- a/client.gen.ts\n+++ b/client.gen.ts\n@@");
    expect(out).toContain("-   * Say it.\n+   * Say it again.\n");
    expect(err).toBe(
      "Stale: API.md, client.gen.ts, llms.txt, openapi.json, published.gen.ts, server.gen.ts. Run `npx resource402 generate`.\n",
    );
    expect(project.read("client.gen.ts")).toBe(before);
  });

  it("treats a missing file as stale", async () => {
    using project = createProject({ "resources.ts": definition("Say it.") });
    const { code, out } = await project.run("generate", "--check");
    expect(code).toBe(1);
    expect(out).toContain("--- /dev/null\n+++ b/types.gen.ts\n");
    expect(FILES.some(project.has)).toBe(false);
  });
});

describe("an invalid definition writes nothing", () => {
  it("and reports all of its mistakes", async () => {
    using project = createProject({ "resources.ts": definition("", "undescribed") });
    expect(await project.run("generate")).toEqual({
      code: 1,
      out: "",
      err: `error  resources.echo.summary  is missing or empty
       fix: describe in one sentence what the buyer gets
error  resources.echo.output.text  has no description
       fix: add .describe("…")
2 mistakes. Nothing was written.
`,
    });
    expect([...FILES, "handlers"].some(project.has)).toBe(false);
  });

  it.each<[string, Record<string, string>, string]>([
    [
      "a syntax error",
      { "resources.ts": "export default {\n  a: 1,,\n};\n" },
      "error  resources.ts:2  Unexpected token `,`. Expected identifier, string literal, numeric literal or [ for the computed key\n" +
        "       fix: fix this line or the one before it\n",
    ],
    [
      "TypeScript that Node.js cannot read, in a file that it imports",
      { "resources.ts": 'import "./more.ts";\n', "more.ts": "\nenum Size { Small }\n" },
      "error  more.ts:2  TypeScript enum is not supported in strip-only mode\n" +
        "       fix: Node.js only removes types: use an object or a union instead of enum, namespace or parameter property\n",
    ],
    [
      "a package that is not installed",
      { "resources.ts": '// shop\nimport { z } from "zud";\n' },
      'error  resources.ts:2  cannot find the package "zud"\n       fix: npm install zud\n',
    ],
    [
      "a file that is not there",
      { "resources.ts": 'import "./more.js";\n', "more.ts": "" },
      'error  resources.ts:1  cannot find more.js\n       fix: check the path; it needs the extension ".ts"\n',
    ],
    [
      "an import that does not exist",
      { "resources.ts": 'import { zed } from "zod";\nexport default zed;\n' },
      "error  resources.ts:1  The requested module 'zod' does not provide an export named 'zed'\n" +
        "       fix: import a name that the module exports\n",
    ],
    [
      "an exception",
      { "resources.ts": 'const shop = {};\n\nthrow new Error("no database");\nexport default shop;\n' },
      "error  resources.ts:3  no database\n" +
        "       fix: check this line; a definition must not open files or connections\n",
    ],
    [
      "a wait without end",
      { "resources.ts": "await new Promise(() => {});\nexport default {};\n" },
      "error  resources.ts  ends before it has been read\n" +
        "       fix: let it describe the API and nothing else: no servers, no waiting\n",
    ],
    [
      "an exit",
      { "resources.ts": "process.exit(0);\n" },
      "error  resources.ts  ends before it has been read\n" +
        "       fix: let it describe the API and nothing else: no servers, no waiting\n",
    ],
    [
      "another default export",
      { "resources.ts": "export default 1;\n" },
      "error  the default export is not an API definition\n       fix: write: export default defineApi({ … })\n",
    ],
  ])("because of %s", async (_, files, message) => {
    using project = createProject(files);
    const { code, out, err } = await project.run("generate");
    expect({ code, out, err }).toEqual({
      code: 1,
      out: "",
      err: `${message}1 mistake. Nothing was written.\n`,
    });
    expect(FILES.some(project.has)).toBe(false);
  });

  it("when it never finishes loading", async () => {
    using project = createProject({ "resources.ts": "for (;;);\n" });
    const question = { file: `${project.folder}/resources.ts`, source: "resources.ts" };
    const { compilation } = await load(
      question,
      new URL("../../codegen/cli/main.ts", import.meta.url),
      1_000,
    );
    expect(compilation).toMatchObject({ mistakes: [{ problem: "has not been read within 1 second" }] });
  });
});

describe("resource402 generate --watch", () => {
  it("generates again on every change, also of an imported file, and survives mistakes", async () => {
    const imported = (text: string): string => `export const summary = ${JSON.stringify(text)};\n`;
    const source = definition("SUMMARY").replace('"SUMMARY"', "summary");
    using project = createProject({
      "resources.ts": `import { summary } from "./words.ts";\n${source}`,
      "words.ts": imported("Say it."),
    });
    const { process, until } = project.start("generate", "--watch");
    await until("Wrote 7 files, 1 new handler to fill in: handlers/echo.ts.\n");
    project.write("words.ts", imported("Say it again."));
    await until("Wrote 6 files, 1 unchanged.\n");
    expect(project.read("client.gen.ts")).toContain("Say it again.");
    project.write("words.ts", "export const summary = ;\n");
    await until("error  words.ts:1  ");
    await until("Nothing was written.\n");
    project.write("words.ts", imported("Say it twice."));
    await until("Wrote 6 files, 1 unchanged.\n");
    process.kill("SIGINT");
    expect(await once(process, "close")).toEqual([0, null]);
  });

  it("reports a deleted definition, and generates again when it is restored", async () => {
    using project = createProject({ "resources.ts": definition("Say it.") });
    const { process, until } = project.start("generate", "--watch");
    await until("Wrote 7 files");
    // After this, its folder is watched for certain.
    project.write("resources.ts", definition("Say it twice."));
    await until("Wrote 6 files, 1 unchanged.\n");
    rmSync(join(project.folder, "resources.ts"));
    expect(await until("Nothing was written.\n")).toContain(
      "error  resources.ts  is not there\n       fix: restore it, or name another definition\n",
    );
    project.write("resources.ts", definition("Say it again."));
    await until("Wrote 6 files, 1 unchanged.\n");
    process.kill("SIGINT");
    expect(await once(process, "close")).toEqual([0, null]);
  });
});

describe("resource402", () => {
  it("prints its usage", async () => {
    using project = createProject({});
    const { code, out } = await project.run("generate", "--help");
    expect(code).toBe(0);
    expect(out).toContain("Usage: resource402 generate [options] [file]");
    expect(out).toContain("$ resource402 generate --check");
    expect(out).toContain(
      "Exit codes: 0 success, 1 the definition has mistakes or files are stale, 2 invalid usage.",
    );
    expect((await project.run("--version")).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("names the required Node.js version when run with an older one", async () => {
    using project = createProject({});
    const older = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "22.17.1" } })`;
    vi.stubEnv("NODE_OPTIONS", `--import=data:text/javascript,${encodeURIComponent(older)}`);
    const { code, err } = await project.runProcess("--help");
    vi.unstubAllEnvs();
    expect({ code, err }).toEqual({
      code: 2,
      err: "resource402 needs Node 22.18 or later, and this is 22.17.1.\n",
    });
  });

  it("prints all commands and fails without a command", async () => {
    using project = createProject({});
    const { code, out, err } = await project.run();
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/Make an API:\n {2}init .*\n {2}generate /);
    expect(err).toContain("The main path:\n  $ resource402 init shop && cd shop ");
    expect(err).not.toContain("__complete");
    expect(await project.run("--help")).toEqual({ code: 0, out: err, err: "" });
  });

  it.each<[string, string[], string]>([
    [
      "an unknown option",
      ["generate", "--chek"],
      "error: unknown option '--chek'\n(Did you mean --check?)\n",
    ],
    ["an unknown command", ["genrate"], "error: unknown command 'genrate'\n(Did you mean generate?)\n"],
    [
      "options that exclude each other",
      ["generate", "--check", "--watch"],
      "error: option '-c, --check' cannot be used with option '-w, --watch'\n",
    ],
    [
      "an unknown extension",
      ["generate", "--ext", "mjs"],
      "error: option '-e, --ext <ext>' argument 'mjs' is invalid. Allowed choices are ts, js, none.\n",
    ],
    [
      "a file that is not there",
      ["generate", "shop.ts"],
      "There is no shop.ts. Name another: resources.ts, an openapi.json, or a URL where the command takes one.\n",
    ],
    [
      "no definition at all",
      ["generate"],
      "There is no resources.ts, schema/resources.ts, src/resources.ts. Name another: resources.ts, an openapi.json, or a URL where the command takes one.\n",
    ],
  ])("refuses %s with exit code 2", async (_, words, err) => {
    using project = createProject({});
    expect(await project.run(...words)).toEqual({ code: 2, out: "", err });
  });
});
