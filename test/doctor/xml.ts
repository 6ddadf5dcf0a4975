/** An element of a document. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/**
 * Reads XML 1.0 as strictly as a parser of CI does: one root, closed in order, attributes quoted and unique, no bare
 * `<` or `&`, no control characters. No comments, sections or document types.
 * @throws Error at what is not well formed
 */
export function parseXml(source: string): Element {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML refuses
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(source))
    throw new Error("control characters");
  const root: Element = { name: "", attributes: {}, children: [], text: "" };
  const open: Element[] = [root];
  const body = source.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, "");
  for (const part of body.match(/<[^>]*>|[^<]+/g) ?? []) {
    const inner = open.at(-1);
    if (!inner) throw new Error(`after the end: ${part}`);
    if (!part.startsWith("<")) {
      if (inner === root && part.trim() !== "") throw new Error(`text outside of the root: ${part}`);
      inner.text += plain(part);
      continue;
    }
    const closing = /^<\/([\w-]+)>$/.exec(part);
    if (closing) {
      if (inner.name !== closing[1] || inner === root) throw new Error(`${part} closes ${inner.name}`);
      open.pop();
      continue;
    }
    const [, name = "", attributes = "", end = ""] =
      /^<([\w-]+)((?:\s+[\w-]+="[^"<]*")*)(\/?)>$/.exec(part) ?? [];
    if (name === "") throw new Error(`no element: ${part}`);
    const element: Element = { name, attributes: attributesOf(attributes), children: [], text: "" };
    inner.children.push(element);
    if (end === "") open.push(element);
  }
  const [only] = root.children;
  if (open.length !== 1 || root.children.length !== 1 || !only) throw new Error("no single, closed root");
  return only;
}

function attributesOf(text: string): Record<string, string> {
  const found = [...text.matchAll(/([\w-]+)="([^"]*)"/g)].map(
    ([, name = "", value = ""]) => [name, plain(value)] as const,
  );
  if (new Set(found.map(([name]) => name)).size < found.length) throw new Error(`twice the same: ${text}`);
  return Object.fromEntries(found);
}

function plain(text: string): string {
  return text.replace(/&([^;]*);?/g, (whole, name: string) => {
    const code = /^#(\d+)$/.exec(name)?.[1];
    const value = code === undefined ? ENTITIES[name] : String.fromCodePoint(Number(code));
    if (value === undefined || !whole.endsWith(";")) throw new Error(`no entity: ${whole}`);
    return value;
  });
}
