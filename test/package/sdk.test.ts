import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { generatePrivateKey, privateKeyToAddress } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBrowser } from "../browser.ts";
import { isMissing } from "../missing.ts";
import { INSTALLATION_MS, type Installed, installedProject, STRICTEST } from "./installation.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));
const bin = (name: string): string => join(root, "node_modules/.bin", name);
const fixture = fileURLToPath(new URL("./fixture/", import.meta.url));
const NAME = "@word/house";

let project: Installed;
const folder = (): string => project.folder;
const command: Installed["command"] = (...words) => project.command(...words);

beforeAll(async () => {
  project = await installedProject();
}, INSTALLATION_MS);
afterAll(() => project?.remove());

const sdk = (...args: string[]) => command("node_modules/.bin/resource402", "sdk", ...args);
const FULL = ["--name", NAME, "--license", "MIT", "--repository", "github:word/house"];

describe("a package for buyers, made with the installed package", () => {
  let buyer = "";
  let tarball = "";
  let seller: { process: ChildProcess; lines: AsyncIterator<string>; url: string };
  const key = generatePrivateKey();

  beforeAll(async () => {
    await project.empty();
    const source = await readFile(join(fixture, "resources.ts"), "utf8");
    const served = source.replace('version: "0.3.0",', '$& servers: [{ url: "https://words.example/" }],');
    await writeFile(join(folder(), "resources.ts"), served);
    for (const name of ["handlers.ts", "sdk/serve.ts"]) {
      await cp(join(fixture, name), join(folder(), name.replace("sdk/", "")));
    }
    expect(await command("node_modules/.bin/resource402", "generate")).toMatchObject({ code: 0 });
    buyer = await mkdtemp(join(tmpdir(), "resource402-buyer-"));
  }, 300_000);
  afterAll(async () => {
    seller?.process.kill("SIGKILL");
    await rm(buyer, { recursive: true, force: true });
  });

  it("is written as a whole by one command, says what is missing, and passes publint and attw", async () => {
    await mkdir(join(folder(), "sdk"));
    await writeFile(join(folder(), "sdk/LICENSE"), "Do what you like.\n");
    const made = await sdk(...FULL, "--out", "sdk/");
    expect(made).toEqual({
      code: 0,
      text: expect.stringMatching(/^Wrote @word\/house 0\.3\.0 to sdk \(\d+ files in dist, \d+ KiB\)\.\n$/),
    });
    expect((await readdir(join(folder(), "sdk"))).sort()).toEqual([
      ...["LICENSE", "README.md", "dist", "package.json"],
    ]);
    expect(await command(bin("publint"), "run", "sdk", "--strict")).toMatchObject({ code: 0 });
    const types = await command(bin("attw"), "--pack", "sdk", "--profile", "esm-only");
    expect(types, types.text).toMatchObject({ code: 0 });
  });

  it("is the same wherever it is made, whatever typescript the project has", async () => {
    const again = join(folder(), "elsewhere/deeper");
    const made = await withLaterTypescript(() => sdk("--name", NAME, "--out", again));
    expect(made.text).toMatch(/No repository.*\nNo license.*\nNo elsewhere\/deeper\/LICENSE/);
    for (const file of await readdir(join(folder(), "sdk/dist"))) {
      const [one, other] = await Promise.all(
        [join(folder(), "sdk"), again].map((place) => readFile(join(place, "dist", file), "utf8")),
      );
      expect(other, file).toBe(one);
    }
  });

  it("is checked without being written, whatever the seller has added to it", async () => {
    const check = (...args: string[]) => sdk(...FULL, ...args, "--check");
    expect(await check()).toEqual({
      code: 0,
      text: expect.stringMatching(/^Up to date: \d+ files\.\n$/),
    });
    const absent = await check("--out", "nowhere");
    expect(absent).toMatchObject({
      code: 1,
      text: expect.stringContaining("Stale: package.json, README.md, dist/"),
    });
    expect(existsSync(join(folder(), "nowhere"))).toBe(false);

    const definition = join(folder(), "resources.ts");
    const source = await readFile(definition, "utf8");
    const summary = /summary: "([^"]*)"/.exec(source)?.[1] ?? "";
    await writeFile(definition, source.replace(summary, "Something else."));
    // The whole folder is replaced, so that a file too many is stale.
    const old = join(folder(), "sdk/dist/old.js");
    await writeFile(old, "export {};\n");
    const before = await readFile(join(folder(), "sdk/README.md"), "utf8");
    const stale = await check();
    expect(stale.code).toBe(1);
    expect(stale.text).toMatch(/^\+.*Something else\./m);
    expect(stale.text).toMatch(
      /^Stale: README\.md, dist\/\S+\.d\.ts, dist\/old\.js\. Run `resource402 sdk`\.$/m,
    );
    expect(await readFile(join(folder(), "sdk/README.md"), "utf8")).toBe(before);
    expect(existsSync(old)).toBe(true);
    await rm(old);
    await writeFile(definition, source);
  });

  it.each([
    ["of the project that the definition is in", "MIT", "", "MIT"],
    ["of the API before that", "MIT", 'license: { name: "ISC" },', "ISC"],
    ["but not one that permits no use", "UNLICENSED", "", undefined],
  ])("has the license %s", async (_, own, ofApi, license) => {
    const paths = ["resources.ts", "package.json"].map((name) => join(folder(), name));
    const [source = "", manifest = ""] = await Promise.all(paths.map((path) => readFile(path, "utf8")));
    const [definition = "", project = ""] = paths;
    await writeFile(definition, source.replace('version: "0.3.0",', `$& ${ofApi}`));
    await writeFile(project, JSON.stringify({ ...JSON.parse(manifest), license: own }));
    const made = await sdk("--name", NAME, "--out", "nowhere", "--check");
    await writeFile(definition, source);
    await writeFile(project, manifest);
    expect(/^\+ {2}"license": "(.*)",$/m.exec(made.text)?.[1]).toBe(license);
  });

  it("does not overwrite files that it did not write", async () => {
    const readme = join(folder(), "elsewhere/deeper/README.md");
    await writeFile(readme, "# Mine\n");
    const refused = await sdk("--name", NAME, "--out", "elsewhere/deeper");
    expect(refused).toMatchObject({ code: 1, text: expect.stringContaining("--force") });
    expect(await readFile(readme, "utf8")).toBe("# Mine\n");
    expect((await readdir(join(folder(), "elsewhere"))).sort()).toEqual(["deeper"]);
  });

  it("is installed with nothing beside it, and type-checks under the strictest settings", async () => {
    const packed = await run("npm", ["pack", "--silent", "--pack-destination", buyer], {
      cwd: join(folder(), "sdk"),
    });
    tarball = join(buyer, packed.stdout.trim());
    await writeFile(join(buyer, "package.json"), JSON.stringify({ private: true, type: "module" }));
    const offline = ["--offline", "--no-audit", "--no-fund", "--loglevel=error"];
    await run("npm", ["install", ...offline, tarball], { cwd: buyer });
    expect((await readdir(join(buyer, "node_modules"))).filter((name) => !name.startsWith("."))).toEqual([
      "@word",
    ]);
    expect(await readdir(join(buyer, "node_modules/@word"))).toEqual(["house"]);
    await cp(join(fixture, "sdk/buy.ts"), join(buyer, "buy.ts"));
    const compilerOptions = { ...STRICTEST.compilerOptions, types: [] };
    await writeFile(join(buyer, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["buy.ts"] }));
    const checked = await run(bin("tsc"), ["-p", buyer]).catch((error: { stdout: string }) => error);
    expect(checked.stdout).toBe("");
  });

  it("buys at once and by a job from a server on a chain", async () => {
    seller = await serve();
    const bought = await run("node", ["buy.ts"], {
      cwd: buyer,
      env: {
        ...process.env,
        KEY: key,
        BASE_URL: seller.url,
        ACCOUNTS: pathToFileURL(join(root, "node_modules/viem/_esm/accounts/index.js")).href,
      },
    });
    expect(JSON.parse(bought.stdout)).toEqual({
      asked: "https://words.example/v1/rhymes/cat",
      rhymes: ["hat", "mat"],
      progress: 100,
      title: "Untitled",
      failure: ["failed", "no_muse", "yes"],
      pending: 0,
      isPriced: false,
    });
  });

  it.skipIf(isMissing("browser"))("buys from a page in a browser", async () => {
    const script = await bundle(await readFile(join(fixture, "sdk/page.ts"), "utf8"));
    const pages = createServer((request, response) => {
      const isScript = request.url === "/page.js";
      response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
      response.end(isScript ? script : '<!doctype html><title>Buy</title><script src="/page.js"></script>');
    }).listen(0, "127.0.0.1");
    await once(pages, "listening");
    const browser = await openBrowser();
    try {
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`);
      const bought = await page.evaluate(
        ([url, key]) =>
          (globalThis as unknown as { buy(url: string, key: string): Promise<unknown> }).buy(url, key),
        [seller.url, key] as const,
      );
      expect(bought).toEqual({
        syllables: [3],
        poem: "sea 0 (free)\nsea 1 (free)",
        steps: ["challenged", "signed", "settled", "accepted", "progress"],
        left: 0,
      });
    } finally {
      await browser.close();
      pages.close();
    }
  });

  it("has brought the seller the money for all of it", async () => {
    seller.process.stdin?.end();
    const { value } = await seller.lines.next();
    const byProgram = 0.004 + 0.04 + 0.05;
    const byPage = isMissing("browser") ? 0 : 0.01 + 0.04;
    expect(Number(value) / 1e6).toBeCloseTo(byProgram + byPage, 6);
  });

  it("stays small: in a bundle, on disk and to download", async () => {
    const gzip = async (code: string) => gzipSync(await bundle(code), { level: 9 }).byteLength;
    const small = await gzip(`export { createClient } from "${NAME}";`);
    const paying = await gzip(`export * from "${NAME}"; export * from "${NAME}/evm";`);
    const files = await readdir(join(buyer, "node_modules"), { recursive: true, withFileTypes: true });
    const own = files.filter((file) => file.isFile() && file.parentPath.includes("@word"));
    const sizes = await Promise.all(own.map((file) => stat(join(file.parentPath, file.name))));
    const installed = sizes.reduce((sum, { size }) => sum + size, 0);
    const download = (await stat(tarball)).size;
    console.log(`SDK: ${JSON.stringify({ small, paying, installed, download })} bytes`);
    expect(small).toBeLessThan(22.5 * 1024);
    expect(paying).toBeLessThan(23.5 * 1024);
    expect(download).toBeLessThan(64 * 1024);
    expect(installed).toBeLessThan(256 * 1024);
  });

  it("comes with a README of which every block compiles", async () => {
    const text = await readFile(join(folder(), "sdk/README.md"), "utf8");
    const blocks = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((block) => block[1] ?? "");
    expect(blocks.length).toBeGreaterThan(6);
    await mkdir(join(folder(), "readme"));
    for (const [index, block] of blocks.entries()) {
      const client = `import { createClient } from "${NAME}";\nconst client = createClient();\n`;
      const whole = block.includes("const client =") ? block : `${client}${block}`;
      await writeFile(join(folder(), "readme", `${index}.ts`), whole);
    }
    const compilerOptions = {
      ...STRICTEST.compilerOptions,
      ...{ noUnusedLocals: false, skipLibCheck: true },
      paths: { [NAME]: ["../sdk/dist/index.d.ts"], [`${NAME}/*`]: ["../sdk/dist/*.d.ts"] },
    };
    await writeFile(
      join(folder(), "readme/tsconfig.json"),
      JSON.stringify({ compilerOptions, include: ["*.ts"] }),
    );
    expect(await command("node_modules/.bin/tsc", "-p", "readme")).toEqual({ code: 0, text: "" });
  });

  /** As npm arranges it for a project with TypeScript 7, which programs cannot call: ours lies within our command. */
  async function withLaterTypescript<Result>(work: () => Promise<Result>): Promise<Result> {
    const outer = join(folder(), "node_modules");
    const inner = join(outer, "@resource402/cli/node_modules");
    const names = ["typescript", "openapi-typescript"];
    await mkdir(inner);
    for (const name of names) await rename(join(outer, name), join(inner, name));
    await mkdir(join(outer, "typescript"));
    await writeFile(join(outer, "typescript/package.json"), '{ "version": "7.0.2", "main": "version.cjs" }');
    await writeFile(join(outer, "typescript/version.cjs"), 'exports.version = "7.0.2";');
    try {
      return await work();
    } finally {
      await rm(join(outer, "typescript"), { recursive: true });
      for (const name of names) await rename(join(inner, name), join(outer, name));
      await rm(inner, { recursive: true });
    }
  }

  async function serve(): Promise<typeof seller> {
    const child = spawn("node", ["serve.ts"], {
      cwd: folder(),
      env: { ...process.env, BUYER: privateKeyToAddress(key), RESOURCE402_ANVIL: bin("anvil") },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const { value } = await lines.next();
    return { process: child, lines, url: String(value) };
  }

  /** For browsers, as those who build pages do it; what the package does not bring comes from this repository. */
  async function bundle(contents: string): Promise<string> {
    const { outputFiles, warnings } = await build({
      stdin: { contents, resolveDir: buyer, loader: "ts" },
      nodePaths: [join(root, "node_modules")],
      bundle: true,
      minify: true,
      format: "esm",
      platform: "browser",
      target: "es2022",
      write: false,
      logLevel: "silent",
    });
    expect(warnings).toEqual([]);
    return outputFiles[0]?.text ?? "";
  }
});
