import { chunksOf } from "./body.ts";

/** One server-sent event. `id` is that of the last event that had one. */
export interface ServerSentEvent {
  readonly id: string | undefined;
  /** Its name; absent when it has none. */
  readonly event?: string;
  readonly data: string;
}

/**
 * Reads server-sent events (WHATWG HTML §9.2.6) from pieces of text that are cut anywhere. Written here, since the usual package is five times as large as what a client needs of it.
 */
export function createEventReader(onRetry: (ms: number) => void): (piece: string) => ServerSentEvent[] {
  let rest = "";
  let id: string | undefined;
  let data: string[] = [];
  let name = "";
  return (piece) => {
    rest += piece;
    const events: ServerSentEvent[] = [];
    // A long line is looked at once, when it has ended.
    if (!/[\r\n]/.test(piece)) return events;
    // A CR at the end may be half of a CRLF.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        const named = name === "" ? {} : { event: name };
        if (data.length > 0) events.push({ id, data: data.join("\n"), ...named });
        data = [];
        name = "";
      }
      const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (field === "data") data.push(value);
      if (field === "event") name = value;
      if (field === "id" && !value.includes("\0")) id = value;
      if (field === "retry" && /^\d+$/.test(value)) onRetry(Number(value));
    }
    return events;
  };
}

export const EVENT_STREAM = "text/event-stream";

/**
 * The events of a response as they come. `onEnd` is called once they end.
 * @throws (the iteration) what breaks the connection, or the reason of `signal`
 */
export async function* readEvents(
  response: Response,
  signal: AbortSignal,
  onEnd: () => void,
): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  const read = createEventReader(() => {});
  try {
    for await (const part of chunksOf(response, signal)) yield* read(decoder.decode(part, { stream: true }));
    if (signal.aborted) throw signal.reason;
  } finally {
    onEnd();
  }
}
