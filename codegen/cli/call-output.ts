import type { ErrorResponse } from "../../src/client/errors.ts";
import type { ServerSentEvent } from "../../src/client/event-stream.ts";

/** An output as it is printed: bytes and published text unchanged, events as they come, everything else as JSON. */
export async function printed(
  output: unknown,
  isText: boolean,
): Promise<string | Uint8Array | AsyncIterable<string>> {
  if (output instanceof Blob) return new Uint8Array(await output.arrayBuffer());
  if (isEvents(output)) return eventTexts(output);
  if (isText && typeof output === "string") return output;
  return `${JSON.stringify(output, undefined, 2) ?? "null"}\n`;
}

/** An output as JSON can say it: bytes in base64, and the events of a stream in a list. */
export async function serializable(output: unknown): Promise<unknown> {
  if (output instanceof Blob) {
    return { mediaType: output.type, base64: Buffer.from(await output.arrayBuffer()).toString("base64") };
  }
  if (!isEvents(output)) return output;
  const events: ServerSentEvent[] = [];
  for await (const event of output) events.push(event);
  return events;
}

/** An output that can be read more than once: the events of a stream are awaited. */
export async function readWhole(output: unknown): Promise<unknown> {
  if (!isEvents(output)) return output;
  const events: ServerSentEvent[] = [];
  for await (const event of output) events.push(event);
  return {
    async *[Symbol.asyncIterator]() {
      yield* events;
    },
  };
}

/** A name for bytes that are not written to a terminal: `image-pay_1a2b.png`. */
export function fileNameOf({
  output,
  resource,
  idempotencyKey,
}: {
  readonly output: unknown;
  readonly resource: string;
  readonly idempotencyKey: string | null;
}): string {
  const extension = output instanceof Blob ? /\/([a-z0-9]+)$/.exec(output.type)?.[1] : undefined;
  return `${resource}-${idempotencyKey ?? "output"}.${extension ?? "bin"}`.replace(/[^\w.-]/g, "_");
}

/** The beginning of an answer that was paid for and is not the output. 4,000 characters, control characters escaped. */
export function answerText({ status, body }: ErrorResponse): string {
  if (body === undefined) return "";
  if (body instanceof Blob) {
    return `\nThe seller answered ${status} with ${body.size} bytes (${body.type}). --json prints them.`;
  }
  const text = typeof body === "string" ? body : (JSON.stringify(body) ?? "");
  const start = text.length > 4_000 ? `${text.slice(0, 4_000)}…` : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a seller's text must not control the terminal
  const escaped = start.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, (char) =>
    JSON.stringify(char).slice(1, -1),
  );
  return `\nThe seller answered ${status}:\n${escaped}`;
}

function isEvents(output: unknown): output is AsyncIterable<ServerSentEvent> {
  return typeof output === "object" && output !== null && Symbol.asyncIterator in output;
}

async function* eventTexts(events: AsyncIterable<ServerSentEvent>): AsyncGenerator<string> {
  for await (const { id, event, data } of events) {
    const names = `${event === undefined ? "" : `event: ${event}\n`}${id === undefined ? "" : `id: ${id}\n`}`;
    yield `${names}${data.replace(/^/gm, "data: ")}\n\n`;
  }
}
