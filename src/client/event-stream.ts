/** One server-sent event. `id` is that of the last event that had one. */
export interface ServerSentEvent {
  readonly id: string | undefined;
  readonly data: string;
}

/**
 * Reads server-sent events (WHATWG HTML §9.2.6) from pieces of text that are cut anywhere. The names of events are not
 * looked at. Written here, since the usual package is five times as large as what a client needs of it.
 */
export function createEventReader(onRetry: (ms: number) => void): (piece: string) => ServerSentEvent[] {
  let rest = "";
  let id: string | undefined;
  let data: string[] = [];
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
        if (data.length > 0) events.push({ id, data: data.join("\n") });
        data = [];
      }
      const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (field === "data") data.push(value);
      if (field === "id" && !value.includes("\0")) id = value;
      if (field === "retry" && /^\d+$/.test(value)) onRetry(Number(value));
    }
    return events;
  };
}
