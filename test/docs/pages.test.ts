import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { read } from "./tables.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const pages = ["README.md", ...readdirSync(join(root, "docs")).map((file) => `docs/${file}`)].filter((file) =>
  file.endsWith(".md"),
);
/** Pages that another branch adds: delete this with its merge. */
const COMING =
  "agents benchmarks compatibility doctor going-live migration observability reliability security".split(" ");
/** A page without its code. */
const proseOf = (page: string): string => read(page).replace(/^( *)(`{3,})[\s\S]*?^\1\2 *$/gm, "");

/** The anchors of a page: its headings, as GitHub makes them, and its own. */
function anchorsOf(page: string): string[] {
  const prose = proseOf(page);
  const headings = [...prose.matchAll(/^#+ (.*?) *$/gm)].map(([, heading = ""]) => heading);
  return [
    ...headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
    ...[...prose.matchAll(/<a id="(\w+)"><\/a>/g)].map(([, id = ""]) => id),
  ];
}

/** Why a link leads nowhere; `undefined` when it leads somewhere, or to another site. */
function problemOf(page: string, link: string): string | undefined {
  if (/^https?:/.test(link)) return undefined;
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : join(dirname(page), path);
  if (!existsSync(join(root, target)))
    return COMING.some((one) => target === `docs/${one}.md`) ? undefined : `${page}: ${link} is not there`;
  const isKnown = anchor === undefined || anchorsOf(target).includes(anchor);
  return isKnown ? undefined : `${page}: ${link} has no such heading`;
}

describe("README and docs", () => {
  it("link to pages and headings that exist", () => {
    const links = pages.flatMap((page) =>
      [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => problemOf(page, link)),
    );
    expect(links.length).toBeGreaterThan(50);
    expect(links.filter((problem) => problem !== undefined)).toEqual([]);
  });

  it.each(pages)("%s has one title", (page) => {
    expect(proseOf(page).match(/^# /gm)).toHaveLength(1);
  });

  it.each(pages)("%s holds no HTML", (page) => {
    const prose = proseOf(page).replace(/`[^`\n]*`|<!-- [\w: -]+ -->|<a id="\w+"><\/a>/g, "");
    expect(prose.match(/<\/?[a-z][^>]*>/gi)).toBeNull();
  });

  it("README has at most 150 lines", () => {
    expect(read("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(150);
  });
});
