import { DocumentError, isJsonObject } from "./json.ts";

/** The text of a document, by its byte order mark. Without one it is UTF-8. */
export function decodeDocument(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const encoding =
    first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding).decode(bytes);
}

/** Whether a text may be an OpenAPI document, in JSON or in YAML. */
export function looksLikeDocument(text: string): boolean {
  return /^[\uFEFF\s{]*["']?(openapi|swagger)["']?\s*:|^[\uFEFF\s]*\{[\s\S]*"(openapi|swagger)"\s*:/m.test(
    text,
  );
}

/** Maximum number of YAML aliases, so that a small document cannot become a large one. */
const MAX_ALIASES = 1000;

/**
 * Reads the text of a document, JSON or YAML. OpenAPI 2.0 becomes 3.0.
 * @throws DocumentError when it is neither, with the place
 */
export async function parseDocument(text: string, source: string): Promise<unknown> {
  const plain = text.replace(/^\uFEFF/, "");
  const document = /^\s*[{[]/.test(plain) ? parseJson(plain, source) : await parseYaml(plain, source);
  if (!isJsonObject(document) || document.swagger !== "2.0") return document;
  const { upgradeFromTwoToThree } = await import("@scalar/openapi-upgrader/2.0-to-3.0");
  try {
    return upgradeFromTwoToThree(structuredClone(document));
  } catch (error) {
    throw new DocumentError(`${source} cannot be converted from OpenAPI 2.0: ${messageOf(error)}`);
  }
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DocumentError(`${source} is not valid JSON: ${messageOf(error)}`);
  }
}

async function parseYaml(text: string, source: string): Promise<unknown> {
  const { parse } = await import("yaml");
  try {
    const document: unknown = parse(text, { maxAliasCount: MAX_ALIASES, merge: true, logLevel: "error" });
    // Plain JSON: an alias of what is around it would lead in a circle, and throws here.
    return JSON.parse(JSON.stringify(document) ?? "null");
  } catch (error) {
    throw new DocumentError(`${source} is not valid YAML: ${messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
}
