import { readdirSync, readFileSync } from "node:fs";
import { cp, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import type { Installed } from "./installation.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A sample of a page: a whole file. */
interface Sample {
  readonly page: string;
  readonly file: string;
  readonly text: string;
  /** What the sample prints. Absent: the sample is not run. */
  readonly prints?: string;
}

interface Page {
  /** `client` for docs/client.md. */
  readonly name: string;
  readonly samples: readonly Sample[];
  /** Parts of a file: they are not checked. */
  readonly fragments: number;
  /** First lines of samples that are neither a file nor a fragment. */
  readonly unchecked: readonly string[];
}

const CODE = /^(ts|tsx|mts|cts|typescript|js|jsx|mjs|cjs|javascript)$/;
/** The page whose API the others use, where they define none of their own. */
const SHARED = "getting-started";
/** Samples use them; their readers are told to install them. */
const PACKAGES = ["standardwebhooks"];
const MAX_FRAGMENTS = 5;

/**
 * The samples of a page. ` ```ts file.ts ` is a file that is type-checked; with `run` behind it, it is also run, and prints what
 * the block ` ```text file.ts ` of the page shows.
 */
function pageOf(name: string, markdown: string): Page {
  const fences = [...markdown.matchAll(/^([ \t]*)(`{3,})(\w*)[ \t]*(.*)\n([\s\S]*?)^\1\2[ \t]*$/gm)].map(
    ([, , , language = "", info = "", text = ""]) => ({ language, info: info.trim(), text }),
  );
  const shown = new Map(
    fences.filter(({ language }) => language === "text").map((one) => [one.info, one.text]),
  );
  const samples: Sample[] = [];
  const unchecked: string[] = [];
  let fragments = 0;
  for (const { language, info, text } of fences) {
    if (!CODE.test(language)) continue;
    const [, file, run] = /^((?:[\w.-]+\/)*[\w.-]+\.ts)( run)?$/.exec(info) ?? [];
    const prints = file === undefined || run === undefined ? undefined : shown.get(file);
    if (language === "ts" && info === "fragment") fragments += 1;
    else if (language !== "ts" || file === undefined || (run !== undefined && prints === undefined))
      unchecked.push(`${language} ${info}: ${text.split("\n", 1)[0]}`);
    else samples.push({ page: name, file, text, ...(prints === undefined ? {} : { prints }) });
  }
  return { name, samples, fragments, unchecked };
}

const pages = ["README.md", ...readdirSync(join(root, "docs")).map((file) => `docs/${file}`)]
  .filter((file) => file.endsWith(".md"))
  .map((file) =>
    pageOf(file.replace(/^docs\/|\.md$/g, "").toLowerCase(), readFileSync(join(root, file), "utf8")),
  );

/** README and documentation, with what is installed from the packed packages. */
export function describeSamples(project: () => Installed): void {
  const folder = (): string => project().folder;
  const command: Installed["command"] = (...words) => project().command(...words);
  const at = (...path: string[]): string => join(folder(), "pages", ...path);

  async function write(): Promise<void> {
    await project().empty();
    for (const { page, file, text } of pages.flatMap(({ samples }) => samples)) {
      await mkdir(dirname(at(page, file)), { recursive: true });
      await writeFile(at(page, file), text);
    }
    for (const name of PACKAGES) {
      await symlink(join(root, "node_modules", name), join(folder(), "node_modules", name), "junction");
    }
    const own = pages.filter(({ samples }) => samples.some(({ file }) => file === "resources.ts"));
    const generate = ({ name }: Page) =>
      command("node_modules/.bin/resource402", "generate", `pages/${name}/resources.ts`);
    expect(await Promise.all(own.map(generate))).toEqual(own.map(() => expect.objectContaining({ code: 0 })));
    const shared = (await readdir(at(SHARED))).filter((file) =>
      /^(resources\.ts|.*\.gen\.ts|handlers)$/.test(file),
    );
    for (const page of pages) {
      if (page.samples.length === 0 || own.includes(page)) continue;
      for (const file of shared)
        await cp(at(SHARED, file), at(page.name, file), { recursive: true, force: false });
    }
    await writeFile(
      at("tsconfig.json"),
      JSON.stringify({ extends: "../tsconfig.json", include: ["**/*.ts"] }),
    );
  }

  describe("the samples of README and docs", () => {
    beforeAll(write, 300_000);

    it("are files that are checked, but for a few fragments", () => {
      expect(pages.length).toBeGreaterThan(10);
      expect(pages.flatMap(({ name, unchecked }) => unchecked.map((one) => `${name}: ${one}`))).toEqual([]);
      expect(pages.reduce((sum, { fragments }) => sum + fragments, 0)).toBeLessThanOrEqual(MAX_FRAGMENTS);
    });

    it("compile under the strictest settings", async () => {
      expect(await command("node_modules/.bin/tsc", "-p", "pages")).toEqual({ code: 0, text: "" });
    }, 300_000);

    const run = pages.flatMap(({ samples }) => samples.filter(({ prints }) => prints !== undefined));
    it.concurrent.each(run)("$page: $file prints what the page shows", async ({ page, file, prints }) => {
      const { code, text } = await command("node", join("pages", page, file));
      expect(text).toContain(prints?.trimEnd());
      expect(code).toBe(0);
    });
  });

  describe("a sample is found unchecked", () => {
    const fence = (info: string): string => `\`\`\`${info}\nconst a = 1;\n\`\`\`\n`;
    it.each([
      ["without a file name", fence("ts")],
      ["in JavaScript", fence("js file.js")],
      ["with another extension", fence("ts file.tsx")],
      ["that is run but shows no output", fence("ts file.ts run")],
    ])("%s", (_, markdown) => {
      expect(pageOf("page", markdown).unchecked).toHaveLength(1);
    });

    it.each([
      ["when it is a file", fence("ts folder/file.ts")],
      ["when it is run and shows its output", `${fence("ts file.ts run")}\n\`\`\`text file.ts\n1\n\`\`\`\n`],
      ["when it is not code", fence("sh")],
    ])("not %s", (_, markdown) => {
      expect(pageOf("page", markdown).unchecked).toEqual([]);
    });
  });
}
