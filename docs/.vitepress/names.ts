import { readdirSync, readFileSync } from "node:fs";
import type { MarkdownRenderer } from "vitepress";

const REFERENCE = "reference.md";
const ANCHOR = /<a id="(\w+)"><\/a>/g;

/** Such a name is in prose the export only when it is called: `price` may be a field. */
const isWord = (name: string): boolean => /^[a-z]+$/.test(name);

/**
 * Links names in inline code, such as `evmPayer(account)`, to the reference, and each row of the reference to the pages
 * that mention the name.
 */
export function linkNames(md: MarkdownRenderer, docs: URL): void {
  const read = (file: string): string => readFileSync(new URL(file, docs), "utf8");
  const names = new Set([...read(REFERENCE).matchAll(ANCHOR)].map(([, name = ""]) => name));
  const pages = readdirSync(docs)
    .filter((file) => file.endsWith(".md") && file !== REFERENCE)
    .map((file) => ({ file, text: read(file), title: /^# (.+)/m.exec(read(file))?.[1] ?? file }));
  const mentions = (name: string) => {
    const inProse = isWord(name) ? `\`${name}\\(` : `\`${name}[\`(]`;
    return pages.filter(({ text }) => new RegExp(`${inProse}|\\b${name}\\b.* from "resource402`).test(text));
  };

  md.core.ruler.before("normalize", "mentions", (state) => {
    if (state.env.relativePath !== REFERENCE) return;
    state.src = state.src.replace(/^\| <a id="(\w+)">.* \|$/gm, (row, name: string) => {
      const links = mentions(name).map(({ file, title }) => `[${title}](${file})`);
      return links.length === 0 ? row : row.replace(/ \|$/, ` See ${links.join(", ")}. |`);
    });
  });

  md.core.ruler.push("names", ({ tokens, env, Token }) => {
    if (env.relativePath === REFERENCE) return;
    for (const inline of tokens) {
      let isLink = false;
      inline.children = (inline.children ?? []).flatMap((token) => {
        if (token.type === "link_open" || token.type === "link_close") isLink = token.type === "link_open";
        const code = token.type === "code_inline" ? /^(\w+)(\(.*\))?$/.exec(token.content) : null;
        const [, name = "", call] = code ?? [];
        if (isLink || !names.has(name) || (isWord(name) && call === undefined)) return [token];
        const open = new Token("link_open", "a", 1);
        open.attrSet("href", `/reference#${name}`);
        return [open, token, new Token("link_close", "a", -1)];
      });
      if (inline.type !== "inline") inline.children = null;
    }
  });
}
