import { createHash } from "node:crypto";
import type { Token } from "markdown-it";
import { formsOf } from "../docs/forms.ts";
import { escapeHtml, parse, render, textOf } from "../docs/render.ts";
import { FIRST, READING } from "../docs/script.ts";
import { STYLE } from "../docs/style.ts";
import { draw } from "../docs/tables.ts";
import { TRY_IT } from "../docs/try-it.ts";
import { priceRange } from "../markdown.ts";
import type { ApiModel, ResourceModel } from "../model.ts";

/**
 * The documentation as one HTML page: `reference` (`API.md`) with navigation, and a form for each resource that sends
 * a call without paying. It asks for nothing from elsewhere, and opens from a server as from a disk.
 */
export function emitDocs(model: ApiModel, reference: string): string {
  const { title, version, description, source, servers, resources } = model;
  const [opening, ...chapters] = chaptersOf(reference, resources);
  const forms = { servers: servers.map(({ url }) => url), forms: formsOf(model) };
  // In a script element only "<" could end the element.
  const data = JSON.stringify(forms).replaceAll("<", "\\u003c");
  const script = READING + TRY_IT;
  const guide = (chapter: Chapter) => chapter.resource === undefined;
  const many = resources.length > MANY ? ' class="many"' : "";
  // The opening tag stays as it is: `resource402 dev` writes an attribute into it.
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy([FIRST, script])}">
<title>${escapeHtml(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="${escapeHtml(description)}">
<style>${STYLE}</style>
<script>${FIRST}</script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="name" href="#main">${escapeHtml(title)}<small>${escapeHtml(version)}</small></a>
<div class="files"><a href="openapi.json">OpenAPI</a><a href="llms.txt">llms.txt</a></div>
<button type="button" id="theme" class="icon needs-script" aria-label="Switch between light and dark">${HALF_MOON}</button>
<button type="button" id="menu-button" class="needs-script" aria-expanded="false" aria-controls="menu">Contents</button>
</header>
<div class="frame">
<nav class="menu" id="menu" aria-label="Contents">
<ul>
${chapters.map((chapter, index) => (guide(chapter) ? guideLink(chapter) + resourceLinks(chapters, index) : "")).join("")}</ul>
</nav>
<main id="main" tabindex="-1"${many}>
<div class="lead">
<h1>${escapeHtml(title)}</h1>
${render(opening?.tokens.slice(HEADING) ?? [])}</div>
${chapters.map((chapter) => (chapter.resource === undefined ? guideSection(chapter) : resourceSection(chapter, chapter.resource))).join("")}<footer class="foot">Generated from <code>${escapeHtml(source)}</code> by resource402.</footer>
</main>
</div>
<script type="application/json" id="forms">${data}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** From so many resources on there is a filter, and what is out of sight is not laid out. */
const MANY = 8;

const HALF_MOON =
  '<svg width="18" height="18" viewBox="0 0 18 18" aria-hidden="true"><circle cx="9" cy="9" r="7" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M9 2a7 7 0 0 1 0 14z" fill="currentColor"/></svg>';

/** Nothing is loaded, and no script runs but ours; calls may go to any server, for its address can be typed. */
function policy(scripts: readonly string[]): string {
  const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  return [
    "default-src 'none'",
    `script-src ${scripts.map(hash).join(" ")}`,
    `style-src ${hash(STYLE)}`,
    "connect-src http: https:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}

/** So many tokens make a heading. */
const HEADING = 3;

/** What stands under a heading of the second level. */
interface Chapter {
  readonly title: string;
  readonly id: string;
  readonly tokens: readonly Token[];
  readonly resource?: ResourceModel;
}

/** Headings that the reference has besides those of the resources. */
const GUIDE = ["How paying works", "What you can rely on", "Jobs", "Resources", "Errors"];

/** Cuts the reference at its own headings; others of that level are sellers' prose. */
function chaptersOf(reference: string, resources: readonly ResourceModel[]): Chapter[] {
  const tokens = parse(reference.replace(/^<!--.*-->\n/, ""));
  const awaited = new Map<string, ResourceModel | undefined>(GUIDE.map((title) => [title, undefined]));
  for (const resource of resources) awaited.set(resource.name, resource);
  const ids = new Map<string, number>();
  const chapters: (Chapter & { readonly tokens: Token[] })[] = [{ title: "", id: "", tokens: [] }];
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token === undefined) break;
    const title = textOf(tokens[at + 1]?.children ?? null);
    if (token.type === "heading_open" && token.tag === "h2" && token.level === 0 && awaited.has(title)) {
      const resource = awaited.get(title);
      awaited.delete(title);
      const word = title.toLowerCase().replaceAll(" ", "-");
      const before = ids.get(word) ?? 0;
      ids.set(word, before + 1);
      const id = before === 0 ? word : `${word}-${before}`;
      chapters.push({ title, id, tokens: [], ...(resource === undefined ? {} : { resource }) });
      at += HEADING - 1;
    } else chapters.at(-1)?.tokens.push(token);
  }
  return chapters;
}

function guideLink({ id, title }: Chapter): string {
  return `<li><a href="#${id}">${escapeHtml(title)}</a></li>\n`;
}

/** The list of resources below the chapter that gives an overview of them. */
function resourceLinks(chapters: readonly Chapter[], index: number): string {
  if (chapters[index]?.title !== "Resources") return "";
  const sold = chapters.flatMap(({ resource, id }) => (resource === undefined ? [] : [{ resource, id }]));
  const items = sold.map(({ resource, id }) => {
    const { name, summary, path, tags } = resource;
    const text = escapeHtml([name, summary, path, ...tags].join(" ").toLowerCase());
    const from = priceRange(resource).replace(/ – .*/, "+");
    return `<li data-text="${text}"><a href="#${id}"><span>${name}</span><span class="from">${from}</span></a></li>\n`;
  });
  const filter =
    sold.length > MANY
      ? `<li class="filter needs-script"><label class="unseen" for="filter">Filter resources</label><input type="search" id="filter" placeholder="Filter ${sold.length} resources" autocomplete="off"><p id="found" role="status"></p></li>\n`
      : "";
  return items.length === 0 ? "" : `${filter}<li><ul class="sub">\n${items.join("")}</ul></li>\n`;
}

function guideSection({ id, title, tokens }: Chapter): string {
  return `<section id="${id}" class="guide" aria-labelledby="${id}-title">
<h2 id="${id}-title">${escapeHtml(title)}</h2>
${render(tokens, draw)}</section>
`;
}

function resourceSection({ id, tokens }: Chapter, resource: ResourceModel): string {
  const { name, deprecated, job } = resource;
  const { intro, request, rest } = partsOf(tokens, resource);
  const marks = [
    job === undefined ? "" : '<span class="mark">job</span>',
    deprecated === undefined ? "" : '<span class="mark old">deprecated</span>',
  ];
  return `<section id="${id}" class="resource" aria-labelledby="${id}-title">
<div class="head"><h2 id="${id}-title"><a href="#${id}">${name}</a></h2>${priceMark(resource)}${marks.join("")}</div>
<div class="intro">
${intro}</div>
<div class="beside">
${request}<details class="try" data-resource="${name}"><summary>Try it <small>without paying</small></summary></details>
</div>
<div class="rest">
${rest}</div>
</section>
`;
}

function priceMark(resource: ResourceModel): string {
  const { price, per } = resource;
  const what =
    price.kind === "free" ? "" : ` <small>${price.kind === "sum" ? "per call" : escapeHtml(per)}</small>`;
  return `<p class="price">${priceRange(resource)}${what}</p>`;
}

/** Parts of a resource, in the order of the reference. */
const PARTS = ["Request", "Input", "Output", "Error codes"];

interface Parts {
  readonly intro: string;
  readonly request: string;
  readonly rest: string;
}

/** The parts of a resource as HTML. Its description may have headings of its own, so ours are sought from the end. */
function partsOf(tokens: readonly Token[], { method, path }: ResourceModel): Parts {
  const starts = PARTS.map((part) =>
    tokens.findLastIndex(
      ({ type, tag, level }, at) =>
        type === "heading_open" &&
        tag === "h3" &&
        level === 0 &&
        textOf(tokens[at + 1]?.children ?? null) === part,
    ),
  );
  const [intro, ...parts] = [0, ...starts.filter((start) => start >= 0), tokens.length].flatMap(
    (from, index, all) => {
      const to = all[index + 1];
      return to === undefined ? [] : [tokens.slice(from, to)];
    },
  );
  const [request = [], ...rest] = parts.map((part) => part.slice(HEADING));
  const titles = PARTS.filter((_, index) => (starts[index] ?? -1) >= 0).slice(1);
  const endpoint = escapeHtml(path);
  return {
    intro: render(intro ?? [], draw).replace(
      `<p><code>${method} ${endpoint}</code></p>`,
      `<p class="endpoint"><b>${method}</b>${endpoint}</p>`,
    ),
    request: samples(request),
    rest: rest.map((part, index) => `<h3>${titles[index]}</h3>\n${render(part, draw)}`).join(""),
  };
}

/** Two ways to write the call, of which the script shows one; and what is answered. */
function samples(request: readonly Token[]): string {
  const first = request.findIndex(({ type }) => type !== "fence");
  const ways = first < 0 ? request : request.slice(0, first);
  const answer = request.slice(ways.length).filter(({ type }) => type === "fence");
  return `<div class="samples">\n${render(ways)}</div>\n${render(answer).replace("<figcaption>JSON", "<figcaption>Output")}`;
}
