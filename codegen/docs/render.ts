import MarkdownIt, { type Token } from "markdown-it";

/** Renders Markdown to HTML. Raw HTML is shown as text, and URLs that run scripts are not linked. */

const markdown = new MarkdownIt({ html: false });
markdown.core.ruler.disable(["linkify", "replacements", "smartquotes"]);
const { rules } = markdown.renderer;

// Many cells have the same text, such as `string` or `yes`. They share their tokens, which are never changed.
markdown.core.ruler.at("inline", (state) => {
  const known = new Map<string, Token[]>();
  for (const token of state.tokens) {
    if (token.type !== "inline") continue;
    let children = known.get(token.content);
    if (children === undefined) {
      children = [];
      state.md.inline.parse(token.content, state.md, state.env, children);
      known.set(token.content, children);
    }
    token.children = children;
  }
});

/** An example that can be copied. */
rules.fence = (tokens, index) => {
  const { info = "", content = "" } = tokens[index] ?? {};
  return listing(info.trim(), content);
};
rules.code_block = (tokens, index) => listing("", tokens[index]?.content ?? "");
// A picture from elsewhere would be a request to elsewhere.
rules.image = (tokens, index) => {
  const { content = "", attrs } = tokens[index] ?? {};
  const address = String(attrs?.find(([name]) => name === "src")?.[1] ?? "");
  return `<a href="${escapeHtml(address)}">${escapeHtml(content || address)}</a>`;
};

const LANGUAGES: Readonly<Record<string, string>> = { sh: "curl", ts: "TypeScript", json: "JSON" };

function listing(language: string, content: string): string {
  const title = escapeHtml(LANGUAGES[language] ?? language);
  const code = language in LANGUAGES ? coloured(language, content) : escapeHtml(content);
  return (
    `<div class="code" data-language="${title}"><div class="bar"><span>${title}</span>` +
    `<button type="button" class="copy needs-script">Copy</button></div>` +
    `<pre tabindex="0"><code>${code.trimEnd()}</code></pre></div>\n`
  );
}

/** A shell knows no quotes inside of single ones. */
const STRINGS = { sh: /('[^']*')/, other: /("(?:[^"\\\n]|\\.)*"|'[^'\n]*')/ };

/** Strings stand out; no more is needed to find what to replace. */
function coloured(language: string, code: string): string {
  return code
    .split(language === "sh" ? STRINGS.sh : STRINGS.other)
    .map((part, index) => (index % 2 === 0 ? escapeHtml(part) : `<i>${escapeHtml(part)}</i>`))
    .join("");
}

export function escapeHtml(text: string): string {
  return markdown.utils.escapeHtml(text);
}

export function parse(text: string): Token[] {
  const tokens = markdown.parse(text, {});
  for (const token of tokens) {
    // The page's policy forbids style attributes.
    const align = token.attrGet("style");
    if (align !== null) token.attrs = [["class", String(align).replace("text-align:", "")]];
  }
  return tokens;
}

/** Blocks as HTML. A table stands in a box that scrolls by itself; `draw` may give it a form of its own. */
export function render(tokens: readonly Token[], draw?: (table: DocsTable) => string | undefined): string {
  const html: string[] = [];
  let from = 0;
  const until = (end: number): void => {
    html.push(inHtml(tokens.slice(from, end)));
    from = end;
  };
  for (const [at, token] of tokens.entries()) {
    // Headings of the page are written by the page; those in sellers' prose stand below them.
    if (token.type.startsWith("heading_")) token.tag = "h4";
    if (token.type === "table_open") until(at);
    if (token.type !== "table_close") continue;
    const inside = tokens.slice(from, at + 1);
    const table = readTable(inside);
    html.push(draw?.(table) ?? boxed(table, inHtml(inside)));
    from = at + 1;
  }
  until(tokens.length);
  return html.join("");
}

function inHtml(tokens: Token[]): string {
  return markdown.renderer.render(tokens, markdown.options, {});
}

/** A table of the document. Cells are HTML. */
export interface DocsTable {
  /** Plain text. */
  readonly names: readonly string[];
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

function readTable(tokens: readonly Token[]): DocsTable {
  const [names, head]: [string[], string[]] = [[], []];
  const rows: string[][] = [];
  for (const { type, children } of tokens) {
    if (type === "tr_open" && head.length > 0) rows.push([]);
    if (type !== "inline") continue;
    const cells = rows.at(-1) ?? head;
    cells.push(markdown.renderer.renderInline(children ?? [], markdown.options, {}));
    if (cells === head) names.push(plainTextOf(children));
  }
  return { names, head, rows };
}

/** What is read of inline Markdown, without its marks. */
export function plainTextOf(children: readonly Token[] | null): string {
  return (children ?? []).map(({ content }) => content).join("");
}

/** Around a table: a box that can be scrolled with the keyboard. */
export function boxed({ names }: DocsTable, html: string, style = ""): string {
  const label = escapeHtml(`Table: ${names.filter((text) => text !== "").join(", ")}`);
  const classes = style === "" ? "scroll" : `scroll ${style}`;
  return `<div class="${classes}" role="group" tabindex="0" aria-label="${label}">${html.trim()}</div>\n`;
}
