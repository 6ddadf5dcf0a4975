import { readFile } from "node:fs/promises";

/**
 * The names of the resources of an API, as far as they can be had at once: from its document in a file, by default
 * that beside the definition here. Nothing is asked over the network while somebody types.
 */
export async function resourceNames(from: string | undefined): Promise<readonly string[]> {
  if (from !== undefined && /^https?:/i.test(from)) return [];
  const isDocument = from?.endsWith(".json") ?? false;
  const places = isDocument ? [from ?? ""] : ["openapi.json", "schema/openapi.json", "src/openapi.json"];
  const { readDocument } = await import("../read/document.ts");
  for (const place of places) {
    try {
      const document: unknown = JSON.parse(await readFile(place, "utf8"));
      return readDocument(document, { source: place }).model.resources.map(({ name }) => name);
    } catch {
      // There is none there, or none that can be read: nothing to offer.
    }
  }
  return [];
}
