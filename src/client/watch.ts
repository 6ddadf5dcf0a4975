import { HEADERS, isRecord, type JobDocument, parseRetryAfter } from "../protocol/index.ts";
import { sleep } from "../time/time.ts";
import { createEventReader } from "./event-stream.ts";
import { type Http, type HttpAnswer, onHostOf, throwIfAborted, timers } from "./http.ts";

export interface WatchOptions {
  readonly http: Http;
  readonly statusUrl: string;
  /** Where the server streams the job's documents, when it has said so. */
  readonly eventsUrl: string | undefined;
  /** The document in an answer. */
  readonly read: (answer: HttpAnswer) => JobDocument | undefined;
  /** Receives every document before it is passed on. */
  readonly onDocument: (document: JobDocument) => Promise<void>;
  /** Receives every other response to a status request. Throws when there is nothing left to wait for. */
  readonly onOther: (answer: HttpAnswer, waitedMs: number) => Promise<void>;
}

/** How the documents of a job come here: as they happen, held back until they do, or by asking again and again. */
export interface Watch {
  /** Asks once. `undefined`: no usable answer, which says nothing about the job. */
  look(signal: AbortSignal | undefined): Promise<JobDocument | undefined>;
  /**
   * Each document once, until the terminal one: every change, or only what is seen on the way to the end. Lost answers,
   * server errors and unknown words mean waiting on.
   */
  documents(signal: AbortSignal | undefined, everyChange: boolean): AsyncGenerator<JobDocument>;
}

/** How long the server is asked to hold a status request open. */
const HOLD_SECONDS = 20;
const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 15_000;
/** Between two updates that a server is willing to send at once. */
const MIN_DELAY_MS = 100;
/** A stream says something at once, and then every 15 s at least; else something on the way holds it back. */
const FIRST_WORD_MS = 10_000;
const MAX_SILENCE_MS = 35_000;
/** A stream that has failed so often in a row, while the status could be read, is not opened again. */
const MAX_FAILURES = 3;
/** Statuses of a stream that may be there the next time. */
const PASSING = [408, 425, 429, 500, 502, 503, 504];

export function createWatch(options: WatchOptions): Watch {
  const { http, statusUrl, read, onDocument, onOther } = options;

  async function look(
    signal: AbortSignal | undefined,
    hold: boolean,
    etag: string | undefined,
    waitedMs: number,
  ): Promise<{ headers: Headers; document: JobDocument | undefined } | undefined> {
    let answer: HttpAnswer;
    try {
      answer = await http.send({
        method: "GET",
        url: statusUrl,
        headers: {
          accept: "application/json",
          ...(hold ? { prefer: `wait=${HOLD_SECONDS}` } : {}),
          ...(etag === undefined ? {} : { "if-none-match": etag }),
        },
        signal,
        once: true,
        attemptMs: (HOLD_SECONDS + 10) * 1000,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      return undefined;
    }
    const { status, headers } = answer;
    const document = read(answer);
    if (document) await onDocument(document);
    else if (status !== 304) await onOther(answer, waitedMs);
    return document || status === 304 ? { headers, document } : undefined;
  }

  async function* documents(
    signal: AbortSignal | undefined,
    everyChange: boolean,
  ): AsyncGenerator<JobDocument> {
    const startedAt = performance.now();
    let eventsUrl = onHostOf(options.eventsUrl, statusUrl, http.hosts);
    let useless = false;
    let failures = 0;
    let retryMs = FIRST_DELAY_MS;
    let askedMs = 0;
    let backoff = FIRST_DELAY_MS;
    let etag: string | undefined;
    let last = "";

    function isNew(document: JobDocument): boolean {
      const before = last;
      try {
        last = JSON.stringify(document);
      } catch {
        // Nested too deeply to be compared.
        return true;
      }
      return last !== before;
    }

    /** Hands on what the stream tells, until it is over. Returns the last document that it has told and was new. */
    async function* follow(url: string): AsyncGenerator<JobDocument, JobDocument | undefined> {
      const stop = new AbortController();
      const leave = (): void => stop.abort();
      signal?.addEventListener("abort", leave);
      let timer = setTimeout(leave, FIRST_WORD_MS);
      let told: JobDocument | undefined;
      let size = 0;
      const decoder = new TextDecoder();
      const parse = createEventReader((ms) => {
        retryMs = Math.min(ms, MAX_DELAY_MS);
      });
      try {
        const id = etag?.replace(/^(W\/)?"|"$/g, "");
        const accept = { accept: "text/event-stream" };
        const headers = id === undefined ? accept : { ...accept, "last-event-id": id };
        const stream = await http.open(url, headers, stop.signal);
        if (stream.status !== 200 || !stream.headers.get("content-type")?.startsWith(accept.accept)) {
          useless = !PASSING.includes(stream.status);
          askedMs = askedBy(stream.headers);
          return undefined;
        }
        for await (const chunk of stream.chunks) {
          clearTimeout(timer);
          size += chunk.byteLength;
          useless = size > http.maxAnswerBytes;
          if (useless) return undefined;
          for (const event of parse(decoder.decode(chunk, { stream: true }))) {
            const document = readJobDocument(JSON.parse(event.data));
            if (!document) return undefined;
            size = 0;
            etag = /^[\x21-\x7e]+$/.test(event.id ?? "") ? `"${event.id}"` : undefined;
            await onDocument(document);
            if (isNew(document)) {
              told = document;
              yield document;
            }
            if (isEnd(document)) return document;
          }
          timer = setTimeout(leave, MAX_SILENCE_MS);
        }
        return told;
      } catch {
        return told;
      } finally {
        clearTimeout(timer);
        useless ||= stop.signal.aborted && !signal?.aborted;
        signal?.removeEventListener("abort", leave);
        leave();
      }
    }

    for (;;) {
      throwIfAborted(signal);
      if (eventsUrl !== undefined) {
        const told = yield* follow(eventsUrl);
        if (told && isEnd(told)) return;
        if (useless) {
          eventsUrl = undefined;
        } else if (told) {
          failures = 0;
          backoff = FIRST_DELAY_MS;
          await sleep(timers, jittered(retryMs), signal);
          continue;
        }
        await sleep(timers, askedMs, signal);
        askedMs = 0;
      }
      // To wait for a change, the client must know a state. It can wait for the end at once.
      const hold = eventsUrl === undefined && (!everyChange || etag !== undefined);
      const known = hold && !everyChange ? undefined : etag;
      const seen = await look(signal, hold, known, performance.now() - startedAt);
      if (seen?.document) {
        etag = seen.headers.get("etag") ?? undefined;
        if (isNew(seen.document)) yield seen.document;
        if (isEnd(seen.document)) return;
      }
      if (eventsUrl === undefined) {
        eventsUrl = useless ? undefined : onHostOf(seen?.document?.eventsUrl, statusUrl, http.hosts);
        if (eventsUrl !== undefined) continue;
      } else if (seen) {
        failures += 1;
        useless = failures === MAX_FAILURES;
        if (useless) eventsUrl = undefined;
      }
      const held = seen?.headers.has("preference-applied") || (!hold && etag !== undefined);
      if (seen && held && eventsUrl === undefined) {
        await sleep(timers, MIN_DELAY_MS, signal);
      } else {
        // Never before the server has asked for it.
        await sleep(timers, Math.max(askedBy(seen?.headers), jittered(backoff)), signal);
        backoff = Math.min(backoff * 1.5, MAX_DELAY_MS);
      }
    }
  }

  return {
    look: async (signal) => (await look(signal, false, undefined, Number.POSITIVE_INFINITY))?.document,
    documents,
  };
}

/** Reads a job's document; `undefined` when it is none. Its receipt and result are not checked here. */
export function readJobDocument(body: unknown): JobDocument | undefined {
  if (!isRecord(body) || typeof body.state !== "string") return undefined;
  const { state } = body;
  const text = (name: string): string | undefined => {
    const value = body[name];
    return typeof value === "string" ? value : undefined;
  };
  return {
    ...body,
    state,
    progress: typeof body.progress === "number" ? body.progress : 0,
    status: text("status") ?? state,
    message: text("message"),
    error: text("error"),
    code: text("code"),
    paymentState: text("paymentState"),
  } as unknown as JobDocument;
}

export function isEnd({ state }: JobDocument): boolean {
  return state === "succeeded" || state === "failed";
}

/** Milliseconds of `Retry-After`. */
function askedBy(headers: Headers | undefined): number {
  return parseRetryAfter(headers?.get(HEADERS.retryAfter) ?? null, Date.now()) ?? 0;
}

function jittered(ms: number): number {
  return ms * (0.75 + Math.random() * 0.5);
}
