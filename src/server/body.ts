import { sleep, type Time } from "../time/time.ts";

/** The body as text, or why there is none. */
export type ReceivedBody =
  | { readonly text: string }
  | { readonly refused: "too_large" }
  /** Too many large bodies are being received by this process. */
  | { readonly refused: "busy" }
  /** The sender went away, or was too slow. */
  | { readonly refused: "broken" };

export interface Bodies {
  /** Reads a body of at most `maxBytes`. Never throws. */
  read(request: Request, maxBytes: number): Promise<ReceivedBody>;
}

/** Bodies up to this size are not counted: connections are limited by the place. */
const SMALL_BYTES = 16 * 1024;
/** Of larger bodies together, as far as they have been received. Slow senders must not fill the memory. */
const MAX_HELD_BYTES = 128 * 1024 * 1024;
/**
 * Of a body that is too large so much is read and dropped: a connection that is closed before may break while its sender
 * still writes, and then the sender never reads the 413.
 */
const drainOf = (maxBytes: number): number => Math.max(maxBytes * 8, 4 * 1024 * 1024);
const DRAIN_MS = 2_000;

export function createBodies(time: Time, maxHeldBytes = MAX_HELD_BYTES): Bodies {
  let heldBytes = 0;

  /** Reads no further than the limit. */
  async function readLimited(request: Request, maxBytes: number): Promise<ReceivedBody> {
    if (request.body === null) return { text: "" };
    const reader = request.body.getReader();
    const decoder = new TextDecoder();
    let size = 0;
    let counted = 0;
    let text = "";
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return { text: text + decoder.decode() };
        size += value.byteLength;
        if (size > maxBytes) {
          await drain(reader, drainOf(maxBytes));
          return { refused: "too_large" };
        }
        if (size > SMALL_BYTES) {
          heldBytes += size - counted;
          counted = size;
          if (heldBytes > maxHeldBytes) {
            await reader.cancel().catch(() => {});
            return { refused: "busy" };
          }
        }
        text += decoder.decode(value, { stream: true });
      }
    } finally {
      heldBytes -= counted;
    }
  }

  async function drain(reader: ReadableStreamDefaultReader<Uint8Array>, maxBytes: number): Promise<void> {
    let isOver = false;
    let size = 0;
    const reading = (async () => {
      while (!isOver && size <= maxBytes) {
        const { done, value } = await reader.read();
        if (done) return;
        size += value.byteLength;
      }
    })();
    await Promise.race([reading.catch(() => {}), sleep(time, DRAIN_MS)]);
    isOver = true;
    if (size > maxBytes) await reader.cancel().catch(() => {});
  }

  return {
    async read(request, maxBytes) {
      if (request.method === "GET" || request.method === "HEAD") return { text: "" };
      const length = Number(request.headers.get("content-length") ?? Number.NaN);
      try {
        if (length > maxBytes) {
          if (length <= drainOf(maxBytes) && request.body) {
            await drain(request.body.getReader(), drainOf(maxBytes));
          }
          return { refused: "too_large" };
        }
        if (length <= SMALL_BYTES) return { text: await request.text() };
        return await readLimited(request, maxBytes);
      } catch (error) {
        // A body that another handler has read is a mistake of the seller.
        if (request.bodyUsed && error instanceof TypeError && !request.signal.aborted) throw error;
        return { refused: "broken" };
      }
    },
  };
}
