/** A response's body, by its media type. */
export interface ResponseBody {
  /** JSON as its value, text as a string, anything else as a `Blob`; absent when it is empty. */
  readonly body: unknown;
  /** True when `body` is the beginning alone: the rest exceeds the limit. */
  readonly tooLarge: boolean;
}

/** Text in spite of its name. */
const TEXT =
  /^(text\/|application\/(.+\+)?(json|xml|yaml|javascript|graphql|x-ndjson|x-www-form-urlencoded)$)/;

/** The media type without its parameters, in lower case; empty when there is none. */
export function mediaType(headers: Headers): string {
  return (headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/**
 * Reads at most `limit` bytes. `declared` lists the media types of the output: text that is not declared as such is read as
 * JSON when it is JSON, since many servers name no type, or the wrong one.
 */
export async function readBody(
  response: Response,
  limit: number,
  declared: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<ResponseBody> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const part of chunksOf(response, signal)) {
    parts.push(part.subarray(0, limit - size));
    size += part.byteLength;
    if (size > limit) break;
  }
  const tooLarge = size > limit;
  if (size === 0) return { body: undefined, tooLarge };
  const type = mediaType(response.headers);
  const text = type === "" || TEXT.test(type) ? decode(parts, response.headers, !tooLarge) : undefined;
  if (text === undefined) return { body: new Blob(parts, { type }), tooLarge };
  const isText = !type.endsWith("json") && declared?.some((one) => one.startsWith("text/"));
  return { body: isText ? text : parse(text), tooLarge };
}

/** The text in the bytes; `undefined` when they are none, or in a character set that the platform does not know. */
function decode(parts: readonly Uint8Array[], headers: Headers, fatal: boolean): string | undefined {
  try {
    const charset = /charset="?([\w-]+)/i.exec(headers.get("content-type") ?? "")?.[1];
    const decoder = new TextDecoder(charset, { fatal });
    return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
  } catch {
    return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The parts of a body as they come. When the reader stops, the connection is released. */
export async function* chunksOf(
  response: Response,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = response.body?.getReader();
  if (!reader) {
    // React Native streams no bodies.
    yield new Uint8Array(await response.arrayBuffer());
    return;
  }
  // Not awaited: the other side may never let go.
  const letGo = (): void => void reader.cancel().catch(() => {});
  signal?.addEventListener("abort", letGo);
  try {
    for (;;) {
      const piece = await reader.read();
      if (piece.done) return;
      yield piece.value;
    }
  } finally {
    signal?.removeEventListener("abort", letGo);
    letGo();
  }
}
