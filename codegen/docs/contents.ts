import { priceRange } from "../markdown.ts";
import type { ResourceModel } from "../model.ts";
import type { Chapter } from "./chapters.ts";
import { escapeHtml } from "./render.ts";

/** From so many resources on they can be filtered. */
const MANY = 8;

/** The table of contents: list items in the order of the page. */
export function contents(chapters: readonly Chapter[]): string {
  const first = chapters.findIndex(({ resource }) => resource !== undefined);
  return chapters
    .map((chapter, index) => {
      if (chapter.resource === undefined) {
        return `<li><a href="#${chapter.id}">${escapeHtml(chapter.title)}</a></li>\n`;
      }
      return index === first ? resourceList(chapters) : "";
    })
    .join("");
}

function resourceList(chapters: readonly Chapter[]): string {
  const items = chapters.flatMap(({ resource, id }) => (resource === undefined ? [] : [item(resource, id)]));
  const filter =
    items.length > MANY
      ? `<li class="filter needs-script"><label class="unseen" for="filter">Filter resources</label>` +
        `<input type="search" id="filter" placeholder="Filter ${items.length} resources" autocomplete="off">` +
        `<p id="found" role="status"></p></li>\n`
      : "";
  return `<li class="label">Resources</li>\n${filter}<li><ul class="sub">\n${items.join("")}</ul></li>\n`;
}

/** `data-text` is what the filter looks at. */
function item(resource: ResourceModel, id: string): string {
  const { name, summary, path, tags } = resource;
  const text = [name, summary, path, ...tags].join(" ").toLowerCase();
  const from = priceRange(resource).replace(/ – .*/, "+");
  return (
    `<li data-text="${escapeHtml(text)}"><a href="#${id}"><span>${escapeHtml(name)}</span>` +
    `<span class="from">${from}</span></a></li>\n`
  );
}
