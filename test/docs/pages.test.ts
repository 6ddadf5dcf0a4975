import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { chapters } from "../../docs/.vitepress/pages.ts";
import { ASSETS } from "../../src/protocol/asset.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const docs = readdirSync(join(root, "docs")).filter((file) => file.endsWith(".md"));
const pages = new Map(
  [...["README.md", "CONTRIBUTING.md", "SECURITY.md"], ...docs.map((file) => `docs/${file}`)].map((file) => [
    file,
    readFileSync(join(root, file), "utf8"),
  ]),
);

describe("the list of pages in docs/index.md", () => {
  const listed = chapters(new URL("../../docs/", import.meta.url));
  const names = listed.flatMap(({ items }) => items.map(({ link }) => `${link.slice(1)}.md`));

  it("names every page once", () => {
    expect(names.toSorted()).toEqual(docs.filter((file) => file !== "index.md").toSorted());
  });

  it("is sorted in each chapter, after the page to begin with", () => {
    for (const { items } of listed) {
      const titles = items.map(({ text }) => text).filter((one) => one !== "Getting started");
      expect(titles).toEqual(titles.toSorted());
    }
  });
});

describe("a link in the documentation", () => {
  it("leads to a file and to a heading", () => {
    const dead = [...pages].flatMap(([file, text]) =>
      linksOf(text)
        .filter((link) => !leadsSomewhere(file, link))
        .map((link) => `${file}: ${link}`),
    );
    expect(dead).toEqual([]);
  });

  it("is found dead when its file or heading is missing", () => {
    const links = linksOf(
      "[a](money.md) [b](mony.md) [c](money.md#words) [d](money.md#wordz) [e](https://x.example)",
    );
    expect(links.filter((link) => !leadsSomewhere("docs/index.md", link))).toEqual([
      "mony.md",
      "money.md#wordz",
    ]);
  });
});

describe("README and docs", () => {
  const proseOf = (text: string): string => text.replace(/^( *)(`{3,})[\s\S]*?^\1\2 *$/gm, "");

  it.each([...pages])("%s has one title", (_, text) => {
    expect(proseOf(text).match(/^# /gm)).toHaveLength(1);
  });

  it.each([...pages])("%s holds no HTML", (_, text) => {
    const prose = proseOf(text).replace(/`[^`\n]*`|<!-- [\w: -]+ -->|<a id="\w+"><\/a>/g, "");
    expect(prose.match(/<\/?[a-z][^>]*>/gi)).toBeNull();
  });

  it("README has at most 150 lines", () => {
    expect((pages.get("README.md") ?? "").trimEnd().split("\n").length).toBeLessThanOrEqual(150);
  });
});

it("a test or source that a page names exists", () => {
  const missing = [...pages].flatMap(([file, text]) =>
    [...text.matchAll(/`((?:test|src|schema|codegen(?!\/dist)|bench|examples)\/[\w./*-]+)`/g)]
      .map(([, path = ""]) => path)
      .filter((path) => globSync(path, { cwd: root }).length === 0)
      .map((path) => `${file}: ${path}`),
  );
  expect(missing).toEqual([]);
});

it("docs/compatibility.md lists every network with a token that is known", () => {
  const known = Object.values(ASSETS).flatMap((places) => Object.keys(places));
  const listed = new Set(
    [...(pages.get("docs/compatibility.md") ?? "").matchAll(/`(eip155:\d+)`/g)].map(([, id]) => id),
  );
  const missing = known.filter((network) => network.startsWith("eip155:") && !listed.has(network));
  expect(missing).toEqual([]);
  expect([...listed].filter((id) => !known.includes(id ?? ""))).toEqual([]);
});

/** Targets of links, outside of code. */
function linksOf(text: string): string[] {
  const prose = text.replace(/```[\s\S]*?```/g, "").replace(/`[^`\n]*`/g, "code");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = ""]) => link)
    .filter((link) => !/^\w+:/.test(link));
}

function leadsSomewhere(file: string, link: string): boolean {
  const [path = "", id] = link.split("#");
  const target = path === "" ? file : join(dirname(file), path);
  if (!existsSync(join(root, target))) return false;
  return id === undefined || anchorsOf(readFileSync(join(root, target), "utf8")).has(id);
}

/** Anchors of headings as GitHub makes them, and those that are written. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set([...text.matchAll(/<a id="(\w+)">/g)].map(([, id = ""]) => id));
  for (const [, heading = ""] of text.replace(/```[\s\S]*?```/g, "").matchAll(/^#+ (.+)$/gm)) {
    const id = heading
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "")
      .replaceAll(" ", "-");
    anchors.add(id);
  }
  return anchors;
}
