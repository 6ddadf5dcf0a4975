import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { createProject, type Project } from "./project.ts";

const definition = (
  usd: string,
  field = "text",
): string => `import { defineApi, price, resource } from "resource402";
import { z } from "zod";
export default defineApi({
  title: "Shop", version: "1.0.0", description: "For tests.",
  resources: {
    echo: resource({
      summary: "Say it.",
      input: z.object({ ${field}: z.string().max(99).describe("What to say.") }),
      output: z.object({ said: z.string().describe("What was said.") }),
      price: price.fixed("${usd}", { per: "text" }),
      timeout: "5s",
    }),
  },
});
`;

/** Nothing of the machine's own settings, and no signing. */
function git({ folder }: Project, ...words: readonly string[]): void {
  const who = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"];
  const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
  execFileSync("git", [...who, ...words], { cwd: folder, env, stdio: "pipe" });
}

/** A project whose first state is committed and tagged `v1.0.0`, and whose definition has changed since. */
async function changed(usd: string, field?: string, folder = ""): Promise<Project> {
  const project = createProject({
    [`${folder}resources.ts`]: definition("0.01"),
    ".gitignore": "node_modules\n",
  });
  await project.run("generate", `${folder}resources.ts`);
  git(project, "init", "--quiet");
  git(project, "add", ".");
  git(project, "commit", "--quiet", "--message", "First.");
  git(project, "tag", "v1.0.0");
  project.write(`${folder}resources.ts`, definition(usd, field));
  return project;
}

const DEARER = `Dearer
  echo  price  $0.01 → $0.02 per text (+100 %)
  Existing clients refuse the higher price until they are updated, or their buyers accept it.

1 dearer. A minor change: set version to 1.1.0 (it is 1.0.0).
`;

describe("resource402 diff", () => {
  it.each(["HEAD", "v1.0.0", "main"])("compares with the revision %s", async (ref) => {
    using project = await changed("0.02");
    expect(await project.run("diff", ref)).toEqual({ code: 1, out: DEARER, err: "" });
  });

  it("finds nothing when nothing has changed", async () => {
    using project = await changed("0.01");
    expect(await project.run("diff", "HEAD")).toEqual({
      code: 0,
      out: "Nothing has changed for buyers.\n",
      err: "",
    });
  });

  it("reads the document beside the definition, wherever that is in the repository", async () => {
    using project = await changed("0.02", undefined, "api/shop/");
    expect(await project.run("diff", "HEAD", "api/shop/resources.ts")).toMatchObject({
      code: 1,
      out: DEARER,
    });
    expect(await project.run("diff", "HEAD", "api/shop/openapi.json")).toMatchObject({ code: 0 });
  });

  it("reads a document that is elsewhere", async () => {
    using project = createProject({ "resources.ts": definition("0.01"), ".gitignore": "node_modules\n" });
    await project.run("generate", "--out", "gen");
    git(project, "init", "--quiet");
    git(project, "add", ".");
    git(project, "commit", "--quiet", "--message", "First.");
    project.write("resources.ts", definition("0.02"));
    const { code, err } = await project.run("diff", "HEAD");
    expect(code).toBe(2);
    expect(err).toBe(
      "HEAD has no openapi.json in this folder. Commit the generated files, or name the document: --document <file>\n",
    );
    expect(await project.run("diff", "HEAD", "--document", "gen/openapi.json")).toMatchObject({
      out: DEARER,
    });
  });

  it("compares with a file, and with what an address serves", async () => {
    using project = await changed("0.02");
    expect(await project.run("diff", "openapi.json")).toMatchObject({ code: 1, out: DEARER });
    const server = createServer((_, answer) => answer.end(project.read("openapi.json"))).listen(
      0,
      "127.0.0.1",
    );
    await once(server, "listening");
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      expect(await project.run("diff", url)).toMatchObject({ code: 1, out: DEARER });
      expect(await project.run("diff", "HEAD", url)).toMatchObject({ code: 0 });
    } finally {
      server.close();
    }
  });

  it("fails only on what it is told to fail on", async () => {
    using project = await changed("0.02", "words");
    const codes = ["breaking", "price", "weaker", "breaking,price", "none"].map((kinds) =>
      project.run("diff", "HEAD", "--fail-on", kinds).then(({ code }) => code),
    );
    expect(await Promise.all(codes)).toEqual([1, 1, 0, 1, 0]);
  });

  it("does not fail on what is cheaper", async () => {
    using project = await changed("0.005");
    expect(await project.run("diff", "HEAD")).toMatchObject({
      code: 0,
      out: expect.stringContaining("Cheaper\n  echo  price  $0.01 → $0.005 per text (−50 %)\n"),
    });
  });

  it("prints JSON for programs", async () => {
    using project = await changed("0.02", "words");
    const { code, out, err } = await project.run("diff", "HEAD", "--json");
    expect({ code, err }).toEqual({ code: 1, err: "" });
    expect(JSON.parse(out)).toEqual({
      was: "1.0.0",
      now: "1.0.0",
      step: "major",
      version: "2.0.0",
      fails: true,
      changes: [
        { kind: "breaking", isWorse: true, resource: "echo", path: "input.words", text: "was called text" },
        {
          kind: "price",
          isWorse: true,
          resource: "echo",
          path: "price",
          text: "$0.01 → $0.02 per text (+100 %)",
        },
      ],
    });
  });

  it("prints a section of a changelog", async () => {
    using project = await changed("0.02", "words");
    expect(await project.run("diff", "HEAD", "--markdown", "--fail-on", "none")).toEqual({
      code: 0,
      out: `## 2.0.0

### Breaking

- \`echo\` \`input.words\`: was called text.

### Dearer

- \`echo\` \`price\`: $0.01 → $0.02 per text (+100 %).

Existing clients refuse the higher price until they are updated, or their buyers accept it.
`,
      err: "",
    });
  });

  it.each<[string, string[], string]>([
    [
      "an unknown revision",
      ["HEADS"],
      '"HEADS" is neither a file nor a revision of this git repository. Example: npx resource402 diff HEAD\n',
    ],
    ["nothing to compare with", [], "error: missing required argument 'before'\n"],
    [
      "an unknown kind",
      ["HEAD", "--fail-on", "dearer"],
      "error: option '--fail-on <kinds>' argument 'dearer' is invalid. Write breaking, price, weaker or none.\n",
    ],
    [
      "two forms at once",
      ["HEAD", "--json", "--markdown"],
      "error: option '--json' cannot be used with option '--markdown'\n",
    ],
  ])("refuses %s with exit code 2", async (_, words, err) => {
    using project = createProject({ "resources.ts": definition("0.01") });
    expect(await project.run("diff", ...words)).toEqual({ code: 2, out: "", err });
  });
});
