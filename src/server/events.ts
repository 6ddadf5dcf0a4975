/** A document as one event: `id` names its version, `data` is its JSON on one line. */
export interface JobEvent {
  readonly id: string;
  readonly data: string;
}

/** Tells proxies and clients that the stream lives. */
const HEARTBEAT_MS = 15_000;
/** How soon a client comes back whose stream has ended before the job. */
const RETRY_MS = 1_000;

/** `no-transform` and the last one keep proxies from holding back what has been sent. */
export const EVENT_STREAM_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
  "referrer-policy": "no-referrer",
} as const;

/**
 * Server-sent events (WHATWG HTML §9.2) of versions of one document. A version is asked for when the reader has taken
 * the one before: a slow reader skips outdated versions, and a reader that has stopped holds nothing.
 *
 * @param seen version that the reader has already
 * @param next the document as soon as it is another than `seen`; `"same"` after `ms`, or earlier; `undefined` to end
 */
export function eventStream(
  seen: string | undefined,
  next: (seen: string | undefined, ms: number, gone: AbortSignal) => Promise<JobEvent | "same" | undefined>,
): ReadableStream<Uint8Array> {
  const gone = new AbortController();
  const encoder = new TextEncoder();
  let sent = seen;
  let begun = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (!begun) {
          begun = true;
          return controller.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n`));
        }
        // After any failure the client reconnects, and gets the state then.
        const event = await next(sent, HEARTBEAT_MS, gone.signal).catch(() => undefined);
        if (gone.signal.aborted) return;
        if (event === undefined) return controller.close();
        if (event === "same") return controller.enqueue(encoder.encode(":\n\n"));
        sent = event.id;
        controller.enqueue(encoder.encode(`id: ${event.id}\ndata: ${event.data}\n\n`));
      },
      cancel: () => gone.abort(),
    },
    { highWaterMark: 0 },
  );
}

/** A stream that says nothing but when to come back. */
export function comeBack(ms: number): string {
  return `retry: ${ms}\n\n`;
}
