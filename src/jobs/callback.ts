import type { JobDocument } from "../protocol/index.ts";
import { hasEnded } from "../store/state.ts";
import type { Callback, JobRecord, Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import { urlProblem } from "./address.ts";
import { createCallbackLanes } from "./callback-lanes.ts";
import { createPost, type Post, type Resolve } from "./post.ts";

export interface CallbackOptions {
  readonly store: Store;
  readonly log: Logger;
  /** What is posted: the same that the job's status says. */
  readonly document: (job: JobRecord) => JobDocument;
  /** Also by http, and to addresses that are not public. */
  readonly allowPrivate: boolean;
  /** For one try, in milliseconds. */
  readonly timeoutMs: number;
  /** How often one callback is tried at most. */
  readonly attempts: number;
  /** Receives every attempt. */
  readonly told?: (resource: string, outcome: "delivered" | "unwanted" | "failed" | "given_up") => void;
  /** Before the second try, in milliseconds. @default 5000 */
  readonly firstPauseMs?: number;
  /** Looks up the addresses of a name. @default the system's way */
  readonly resolve?: Resolve;
}

export interface Callbacks {
  /** Why the end of a job cannot be posted to this address, as a sentence; `undefined` when it can. */
  refusal(url: string): string | undefined;
  /** Tries what is due; resolves when these tries have ended. */
  deliver(): Promise<void>;
  /** Tries from now on what is due, as soon as a job ends, wherever it has run. */
  start(): void;
  stop(): void;
}

const FIRST_PAUSE_MS = 5_000;
const MAX_PAUSE_MS = 3_600_000;
/** Between two looks at what is to be tried again. */
const EVERY_MS = 1_000;
/** Between two looks however many jobs end. */
const MIN_MS = 50;
/** How many that are due are looked at together, and how often in one round. */
const BATCH = 200;
const MAX_LOOKS = 50;
/** A receiver sends this status to stop its notifications. */
const GONE = 410;

const SECRET_PREFIX = "whsec_";
const SECRET_BYTES = 24;

/** A callback with a key of its own, known to the buyer of this job alone. */
export function newCallback(url: string): Callback {
  const secret = SECRET_PREFIX + base64(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
  return { url: new URL(url).href, secret, tries: 0, dueAt: undefined };
}

/**
 * Tells buyers of the ends of their jobs: at least once, unless the receiver fails for as long as it is tried. Signed as
 * Standard Webhooks have it (standardwebhooks.com, symmetric `v1`). The status of a job stays what counts.
 */
export function createCallbacks(options: CallbackOptions): Callbacks {
  const { store, log, document, allowPrivate, timeoutMs, attempts } = options;
  const post = createPost({ timeoutMs, allowPrivate, resolve: options.resolve });
  const lanes = createCallbackLanes();
  let timer: ReturnType<typeof setInterval> | undefined;
  let unwatch = (): void => {};
  let looking = false;

  function pauseAfter(tries: number): number {
    const pause = (options.firstPauseMs ?? FIRST_PAUSE_MS) * 2 ** Math.min(tries - 1, 30);
    return Math.min(pause, MAX_PAUSE_MS) * (0.75 + Math.random() * 0.5);
  }

  async function write(job: JobRecord, tries: number, set: Callback): Promise<JobRecord | undefined> {
    return (
      await store.change({
        durable: true,
        job: { id: job.id, when: { callbackTries: tries }, set: { callback: set } },
      })
    )?.job;
  }

  async function attempt(found: JobRecord, post: Post): Promise<void> {
    if (!found.callback) return;
    const tries = found.callback.tries + 1;
    const again = (): number | undefined =>
      tries < attempts ? Date.now() + Math.round(pauseAfter(tries)) : undefined;
    // Counted before it is sent, so that no two servers send the same try; should this one die over it, the next comes
    // when it can no longer be under way.
    const retryAt = again();
    const dueAt = retryAt === undefined ? undefined : retryAt + timeoutMs;
    const claimed = { ...found.callback, tries, dueAt };
    const job = await write(found, found.callback.tries, claimed);
    if (!job) return;
    const { id: jobId, callId: requestId, resource, attempt } = job;
    const fields = { requestId, resource, jobId, attempt, host: new URL(claimed.url).host, tries };
    const outcome = await message(job, claimed)
      .then(post)
      .then(
        (status) => ({ status }),
        (error: unknown) => ({ error }),
      );
    if ("status" in outcome && (outcome.status === GONE || (outcome.status >= 200 && outcome.status < 300))) {
      const said = outcome.status === GONE ? "callback declined by its receiver" : "callback delivered";
      log.info({ ...fields, ...outcome }, said);
      options.told?.(resource, outcome.status === GONE ? "unwanted" : "delivered");
      await write(job, tries, { ...claimed, dueAt: undefined });
      return;
    }
    options.told?.(resource, retryAt === undefined ? "given_up" : "failed");
    if (retryAt === undefined)
      return log.error({ ...fields, ...outcome }, "callback failed for the last time");
    log.warn({ ...fields, ...outcome }, "callback failed");
    await write(job, tries, { ...claimed, dueAt: again() });
  }

  async function message(job: JobRecord, { url, secret, tries }: Callback) {
    const body = JSON.stringify(document(job));
    const timestamp = String(Math.floor(Date.now() / 1000));
    return {
      url,
      headers: {
        "content-type": "application/json",
        "user-agent": "resource402",
        // The same for every try, so that a receiver can tell what it has seen.
        "webhook-id": job.id,
        "webhook-timestamp": timestamp,
        "webhook-signature": `v1,${await hmac(secret, `${job.id}.${timestamp}.${body}`)}`,
      },
      body,
      turn: tries - 1,
    };
  }

  async function deliver(): Promise<void> {
    if (!post) return;
    const tries: Promise<void>[] = [];
    for (let looks = 0; looks < MAX_LOOKS && lanes.free() > 0; looks += 1) {
      const due = await store.dueCallbacks(BATCH);
      const postponed: Promise<unknown>[] = [];
      // First tries before repeated ones, and the longest due first.
      for (const job of due.toSorted((a, b) => isAgain(a) - isAgain(b))) {
        if (lanes.free() === 0) break;
        const entered = lanes.enter(job, Date.now());
        if ("at" in entered) postponed.push(postpone(job, entered.at));
        else tries.push(tried(job, post, entered.leave));
      }
      await Promise.all(postponed);
      // Behind those that wait for their lane, others may be due.
      if (postponed.length === 0) break;
    }
    await Promise.all(tries);
  }

  async function tried(job: JobRecord, post: Post, leave: (ms: number) => void): Promise<void> {
    const begun = performance.now();
    try {
      await attempt(job, post);
    } catch (error) {
      log.error({ jobId: job.id, error }, "a callback could not be written");
    } finally {
      leave(performance.now() - begun);
    }
  }

  /** Not a try: its host or its buyer has as many under way as it may. */
  async function postpone(job: JobRecord, dueAt: number): Promise<void> {
    const { callback } = job;
    if (!callback) return;
    const set = { callback: { ...callback, dueAt } };
    await store.change({
      durable: false,
      job: { id: job.id, when: { callbackTries: callback.tries }, set },
    });
  }

  /** Many jobs may end at once: they are looked for together. */
  function soon(): void {
    if (looking) return;
    looking = true;
    const once = setTimeout(() => {
      looking = false;
      if (timer === undefined) return;
      deliver().catch((error: unknown) => log.error({ error }, "callbacks could not be looked for"));
    }, MIN_MS);
    (once as { unref?: () => void }).unref?.();
  }

  return {
    refusal(url) {
      if (!post) return "This server cannot post anything.";
      const problem = urlProblem(url, allowPrivate);
      return problem && `The address ${problem}.`;
    },

    deliver,

    start() {
      if (!post || timer !== undefined) return;
      timer = setInterval(soon, EVERY_MS);
      (timer as { unref?: () => void }).unref?.();
      unwatch = store.watch((event) => {
        if (event === undefined || hasEnded(event)) soon();
      });
      soon();
    },

    stop() {
      clearInterval(timer);
      timer = undefined;
      unwatch();
    },
  };
}

function isAgain({ callback }: JobRecord): number {
  return Number((callback?.tries ?? 0) > 0);
}

/** HMAC-SHA256 in base64, by the key behind `whsec_`. */
async function hmac(secret: string, text: string): Promise<string> {
  const bytes = Uint8Array.from(atob(secret.slice(SECRET_PREFIX.length)), (char) => char.charCodeAt(0));
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]);
  return base64(new Uint8Array(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text))));
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
