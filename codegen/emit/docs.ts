import { createHash } from "node:crypto";
import { chaptersOf } from "../docs/chapters.ts";
import { contents } from "../docs/contents.ts";
import { formsOf } from "../docs/forms.ts";
import { FIRST, SCRIPT, STYLE } from "../docs/page/bundle.gen.ts";
import { escapeHtml, render } from "../docs/render.ts";
import { section } from "../docs/sections.ts";
import type { ApiModel } from "../model.ts";

/**
 * The documentation as one HTML page: `reference` (`API.md`) with navigation, and a form for each resource that sends
 * a call without paying. It asks for nothing from elsewhere, and opens from a server as from a disk.
 */
export function emitDocs(model: ApiModel, reference: string): string {
  const { version, description, source, servers, resources } = model;
  const title = escapeHtml(model.title);
  const { opening, chapters } = chaptersOf(reference, resources);
  // Only "<" could end a script element.
  const data = JSON.stringify({ servers: servers.map(({ url }) => url), forms: formsOf(model) });
  // Keep the opening tag unchanged: `resource402 dev` adds an attribute to it.
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
${DOCS_MARK}
<meta http-equiv="Content-Security-Policy" content="${policy([FIRST, SCRIPT])}">
<title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="${escapeHtml(description)}">
<style>${STYLE}</style>
<script>${FIRST}</script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="name" href="#main">${title}<small>${escapeHtml(version)}</small></a>
<div class="files"><a href="openapi.json">OpenAPI</a><a href="llms.txt">llms.txt</a></div>
<button type="button" id="theme" class="icon needs-script" aria-label="Switch between light and dark">${HALF_MOON}</button>
<button type="button" id="menu-button" class="needs-script" aria-expanded="false" aria-controls="menu">Contents</button>
</header>
<div class="frame">
<nav class="menu" id="menu" aria-label="Contents">
<ul>
${contents(chapters)}</ul>
</nav>
<main id="main" tabindex="-1"${resources.length > MANY ? ' class="many"' : ""}>
<div class="lead">
<h1>${title}</h1>
${render(opening)}</div>
${chapters.map(section).join("")}<footer class="foot">Generated from <code>${escapeHtml(source)}</code> by resource402.</footer>
</main>
</div>
<script type="application/json" id="forms">${data.replaceAll("<", "\\u003c")}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

/** By this line the page is told from the pages of others. */
export const DOCS_MARK = '<meta name="generator" content="resource402">';

/** From so many resources on, what is out of sight is not laid out. */
const MANY = 30;

const HALF_MOON =
  '<svg width="18" height="18" viewBox="0 0 18 18" aria-hidden="true"><circle cx="9" cy="9" r="7" fill="none" ' +
  'stroke="currentColor" stroke-width="1.6"/><path d="M9 2a7 7 0 0 1 0 14z" fill="currentColor"/></svg>';

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
