import type { Token } from "markdown-it";
import { priceRange } from "../markdown.ts";
import type { ResourceModel } from "../model.ts";
import { type Chapter, partsOf } from "./chapters.ts";
import { escapeHtml, plainTextOf, render } from "./render.ts";
import { draw } from "./tables.ts";

/** A chapter of the reference as a section of the page. */
export function section(chapter: Chapter): string {
  return chapter.resource === undefined ? guide(chapter) : resource(chapter, chapter.resource);
}

function guide({ id, title, tokens }: Chapter): string {
  return `<section id="${id}" class="guide" aria-labelledby="${id}-title">
<h2 id="${id}-title">${escapeHtml(title)}</h2>
${render(tokens, draw)}</section>
`;
}

function resource(chapter: Chapter, model: ResourceModel): string {
  const { id, title } = chapter;
  const name = escapeHtml(title);
  const [intro, request, ...rest] = partsOf(chapter);
  return `<section id="${id}" class="resource" aria-labelledby="${id}-title">
<div class="head"><h2 id="${id}-title"><a href="#${id}">${name}</a></h2>${marks(model)}</div>
<div class="intro">
${about(intro?.tokens ?? [], model)}</div>
<div class="beside">
${samples(request?.tokens ?? [])}<details class="try" data-resource="${name}"><summary>Try it <small>without paying</small></summary></details>
</div>
<div class="rest">
${rest.map(({ title, tokens }) => `<h3>${title}</h3>\n${render(tokens, draw)}`).join("")}</div>
</section>
`;
}

function marks(model: ResourceModel): string {
  const { price, per, job, deprecated } = model;
  const what = price.kind === "sum" || price.kind === "perUnit" ? "per call" : escapeHtml(per);
  return [
    `<p class="price">${priceRange(model)}${price.kind === "free" ? "" : ` <small>${what}</small>`}</p>`,
    job === undefined ? "" : '<span class="mark">job</span>',
    deprecated === undefined ? "" : '<span class="mark old">deprecated</span>',
  ].join("");
}

/** The seller's prose of a resource: the tokens before the line with its method and path. */
function about(tokens: readonly Token[], { method, path }: ResourceModel): string {
  const address = `${method} ${path}`;
  // The seller's prose may contain the same line, so this takes the last one.
  const at = tokens.findLastIndex(
    ({ type, level }, at) =>
      type === "paragraph_open" && level === 0 && plainTextOf(tokens[at + 1]?.children ?? null) === address,
  );
  if (at < 0) return render(tokens);
  const rest = tokens.slice(at + PARAGRAPH);
  return `${render(tokens.slice(0, at))}<p class="endpoint"><b>${method}</b>${escapeHtml(path)}</p>\n${render(rest, draw)}`;
}

/** So many tokens make a paragraph. */
const PARAGRAPH = 3;

/** The ways to write the call, of which the script shows one; and what is answered. */
function samples(request: readonly Token[]): string {
  const end = request.findIndex(({ type }) => type !== "fence");
  const ways = end < 0 ? request : request.slice(0, end);
  const answer = request.slice(ways.length).filter(({ type }) => type === "fence");
  return `<div class="samples">\n${render(ways)}</div>\n${render(answer).replace("<span>JSON", "<span>Output")}`;
}
