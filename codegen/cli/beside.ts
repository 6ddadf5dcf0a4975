import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { ReadBeside } from "../read/external.ts";
import { decodeDocument, parseDocument } from "../read/text.ts";

/** Maximum size of all documents that one document refers to. */
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * Reads what a document refers to: files for a file, addresses of its own origin for one that was fetched. Other
 * addresses are not asked, so that a document cannot make this machine send requests.
 */
export function readerBeside(place: URL, timeoutMs: number): ReadBeside {
  let left = MAX_BYTES;
  return async (url) => {
    if (url.protocol !== place.protocol || (url.protocol !== "file:" && url.origin !== place.origin))
      throw new Error("it is not at the place of the document");
    const bytes = url.protocol === "file:" ? await fileAt(url) : await fetched(url, timeoutMs);
    left -= bytes.length;
    if (left < 0) throw new Error("the documents are larger than 32 MiB");
    return parseDocument(decodeDocument(bytes), url.href);
  };
}

async function fileAt(url: URL): Promise<Uint8Array> {
  if (!/\.(json|ya?ml)$/i.test(url.pathname)) throw new Error("it is not a file of JSON or YAML");
  return readFile(fileURLToPath(url)).catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      error.code === "ENOENT" ? "there is no such file" : `the file cannot be read (${error.code})`,
    );
  });
}

async function fetched(url: URL, timeoutMs: number): Promise<Uint8Array> {
  const answer = await fetch(url, {
    headers: { accept: "application/json, application/yaml;q=0.9, */*;q=0.1" },
    redirect: "error",
    signal: AbortSignal.timeout(timeoutMs),
  }).catch(() => {
    throw new Error("it cannot be reached");
  });
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}
