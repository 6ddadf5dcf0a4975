import type { ServerSentEvent } from "../../src/client/event-stream.ts";
import type { Content } from "./tool.ts";

/** An output in the words of the protocol: pictures and sound as such, other bytes as a resource, the rest as text. */
export async function contentOf(output: unknown): Promise<Content> {
  if (output instanceof Blob) {
    const data = await base64(output);
    const mimeType = output.type || "application/octet-stream";
    const kind = /^(image|audio)\//.exec(mimeType)?.[1];
    if (kind === "image" || kind === "audio") return { type: kind, data, mimeType };
    return { type: "resource", resource: { uri: "resource402:output", mimeType, blob: data } };
  }
  const value = await jsonValueOf(output);
  return { type: "text", text: typeof value === "string" ? value : (JSON.stringify(value) ?? "null") };
}

/** An output or a body as JSON can say it: bytes in base64, a stream as the text of its events. */
export async function jsonValueOf(value: unknown): Promise<unknown> {
  if (value instanceof Blob) return { mediaType: value.type, base64: await base64(value) };
  if (typeof value !== "object" || value === null || !(Symbol.asyncIterator in value)) return value;
  let text = "";
  for await (const { data } of value as AsyncIterable<ServerSentEvent>) text += `${data}\n`;
  return text;
}

async function base64(blob: Blob): Promise<string> {
  return Buffer.from(await blob.arrayBuffer()).toString("base64");
}
