import type { Token } from "markdown-it";
import type { ResourceModel } from "../model.ts";
import { parse, plainTextOf } from "./render.ts";

/** What stands under a heading of the second level. */
export interface Chapter {
  readonly title: string;
  /** Its anchor, as GitHub makes it of the title. */
  readonly id: string;
  readonly tokens: readonly Token[];
  /** Present when the chapter is about one. */
  readonly resource?: ResourceModel;
}

/** Headings that the reference has besides those of the resources. */
const GUIDE = ["Prices", "How paying works", "What you can rely on", "Jobs", "Errors"];
/** So many tokens make a heading. */
const HEADING = 3;

/** Cuts the reference at its own headings; others of that level are sellers' prose. */
export function chaptersOf(
  reference: string,
  resources: readonly ResourceModel[],
): { readonly opening: readonly Token[]; readonly chapters: readonly Chapter[] } {
  const tokens = parse(reference.replace(/^<!--.*-->\n/, ""));
  const awaited = new Map<string, ResourceModel | undefined>(GUIDE.map((title) => [title, undefined]));
  for (const resource of resources) awaited.set(resource.name, resource);
  const starts = tokens.flatMap((token, at) => {
    if (!isHeading(token, "h2")) return [];
    const title = plainTextOf(tokens[at + 1]?.children ?? null);
    if (!awaited.has(title)) return [];
    const resource = awaited.get(title);
    awaited.delete(title);
    return [{ at, title, ...(resource === undefined ? {} : { resource }) }];
  });
  const seen = new Map<string, number>();
  const chapters = starts.map(({ at, ...chapter }, index) => {
    const word = chapter.title.toLowerCase().replaceAll(" ", "-");
    const before = seen.get(word) ?? 0;
    seen.set(word, before + 1);
    const id = before === 0 ? word : `${word}-${before}`;
    return { ...chapter, id, tokens: tokens.slice(at + HEADING, starts[index + 1]?.at) };
  });
  return { opening: tokens.slice(HEADING, starts[0]?.at), chapters };
}

/** Parts of a resource, in the order of the reference. */
const PARTS = ["Request", "Input", "Output", "Error codes"] as const;

export interface Part {
  /** Empty for what stands before the first of them. */
  readonly title: "" | (typeof PARTS)[number];
  readonly tokens: readonly Token[];
}

/** Cuts a resource into its parts. Its description may have headings of its own, so ours are sought from the end. */
export function partsOf({ tokens }: Chapter): readonly Part[] {
  const starts = PARTS.flatMap((title) => {
    const at = tokens.findLastIndex(
      (token, at) => isHeading(token, "h3") && plainTextOf(tokens[at + 1]?.children ?? null) === title,
    );
    return at < 0 ? [] : [{ title, at }];
  });
  const parts = starts.map(({ title, at }, index) => ({
    title,
    tokens: tokens.slice(at + HEADING, starts[index + 1]?.at),
  }));
  return [{ title: "", tokens: tokens.slice(0, starts[0]?.at) }, ...parts];
}

function isHeading({ type, tag, level }: Token, wanted: string): boolean {
  return type === "heading_open" && tag === wanted && level === 0;
}
