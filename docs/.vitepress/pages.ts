import { readFileSync } from "node:fs";

interface Page {
  readonly text: string;
  readonly link: string;
}

export interface Chapter {
  readonly text: string;
  readonly items: readonly Page[];
}

const ENTRY = /^- \[([^\]]+)\]\(([\w-]+)\.md\)/;

/** The chapters of `docs/index.md`, which is the only list of pages. */
export function chapters(docs: URL): Chapter[] {
  const found: { text: string; items: Page[] }[] = [];
  for (const line of readFileSync(new URL("index.md", docs), "utf8").split("\n")) {
    if (line.startsWith("## ")) found.push({ text: line.slice(3), items: [] });
    const [, text, name] = ENTRY.exec(line) ?? [];
    if (text && name) found.at(-1)?.items.push({ text, link: `/${name}` });
  }
  return found;
}
