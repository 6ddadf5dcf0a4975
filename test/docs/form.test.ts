import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { read } from "./tables.ts";

const docs = readdirSync(new URL("../../docs/", import.meta.url)).filter((file) => file.endsWith(".md"));
const pages = ["README.md", ...docs.map((file) => `docs/${file}`)];
/** A page without its code. */
const proseOf = (page: string): string => read(page).replace(/^( *)(`{3,})[\s\S]*?^\1\2 *$/gm, "");

describe("README and docs", () => {
  it.each(pages)("%s has one title", (page) => {
    expect(proseOf(page).match(/^# /gm)).toHaveLength(1);
  });

  // The anchors of generated pages and the marks of generated tables show nothing.
  it.each(pages)("%s holds no HTML", (page) => {
    const prose = proseOf(page).replace(/`[^`\n]*`|<!-- [\w: -]+ -->|<a id="\w+"><\/a>/g, "");
    expect(prose.match(/<\/?[a-z][^>]*>/gi)).toBeNull();
  });

  it("README has at most 150 lines", () => {
    expect(read("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(150);
  });
});
