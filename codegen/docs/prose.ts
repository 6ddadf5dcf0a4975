import { parse } from "./render.ts";

/** Headings from here on are free for sellers; those above are the reference's own. */
const OWN_LEVEL = 4;

/**
 * A description of a seller as it may stand inside the reference: its headings are below ours, and a fence that is
 * never closed is, so that it does not swallow what follows. Everything else stays as it was written.
 */
export function sellersProse(text: string): string {
  if (!/^ {0,3}(?:#|=+\s*$|-+\s*$|`{3}|~{3})/m.test(text)) return text;
  const lines = text.split("\n");
  for (const { type, tag, level, map, markup } of parse(text)) {
    if (level > 0 || map === null) continue;
    const [start, end] = map;
    if (type === "heading_open" && Number(tag.slice(1)) < OWN_LEVEL) {
      const isUnderlined = !markup.startsWith("#");
      const title = lines.slice(start, isUnderlined ? end - 1 : end).join(" ");
      lines[start] =
        `${"#".repeat(OWN_LEVEL)} ${isUnderlined ? title.trim() : title.replace(/^ {0,3}#+\s*/, "")}`;
      for (let at = start + 1; at < end; at += 1) lines[at] = "";
    }
    if (type === "fence") {
      const last = lines[end - 1]?.trim() ?? "";
      const isClosed = end - 1 > start && last.startsWith(markup) && new Set(last).size === 1;
      if (!isClosed) lines.splice(end, 0, markup);
    }
  }
  return lines.join("\n");
}
