import { x402Client } from "@x402/core/client";
import { registerExactEvmScheme } from "@x402/evm/exact/client";
import { wrapFetchWithPayment } from "@x402/fetch";

/** An account that signs typed data: viem's fits. */
type StockAccount = Parameters<typeof registerExactEvmScheme>[1]["signer"];

export interface StockPurchase {
  readonly fetch: (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;
  readonly account: StockAccount;
  readonly url: string;
  readonly input: unknown;
  /** Sent as Idempotency-Key with every attempt, if given. */
  readonly key?: string;
  /** How often it is tried. @default 8 */
  readonly attempts?: number;
  /** Milliseconds after which an attempt is stopped. @default 120000 */
  readonly attemptMs?: number;
}

export type StockOutcome =
  | { readonly state: "delivered"; readonly output: unknown }
  | { readonly state: "failed"; readonly status: number; readonly body: unknown }
  | { readonly state: "gave_up"; readonly why: string };

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Gives work up after so many milliseconds. The wrapper clones its request, and Node forgets to abort a clone whose
 * controller has been collected: the signal alone would let the buyer wait for ever, once in a while.
 */
async function within<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const over = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      over.abort();
      reject(new Error("timed out"));
    }, ms);
  });
  return Promise.race([work(over.signal), late]).finally(() => clearTimeout(timer));
}

/**
 * A buyer as people write it: the official wrapper around `fetch`, and an ordinary retry loop around that. The wrapper
 * signs a new payment for every attempt. `Retry-After` is obeyed; a 402 to a paid request is a payment that did not
 * work, and is tried again; a lost answer is tried again; other 4xx are final.
 */
export async function stockBuy(purchase: StockPurchase): Promise<StockOutcome> {
  const { attempts = 8, attemptMs = 120_000 } = purchase;
  const client = registerExactEvmScheme(new x402Client(), { signer: purchase.account });
  const pay = wrapFetchWithPayment(purchase.fetch as typeof fetch, client);
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (purchase.key !== undefined) headers["idempotency-key"] = purchase.key;
  let why = "";
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    if (attempt > 0) await sleep(1_000 * 2 ** Math.min(attempt - 1, 7));
    try {
      const init = { method: "POST", headers, body: JSON.stringify(purchase.input) };
      const answer = await within(attemptMs, (signal) => pay(purchase.url, { ...init, signal }));
      const body = await readJson(answer);
      if (answer.status === 200) return { state: "delivered", output: body };
      if (answer.status === 202) return await poll(purchase, (body as { statusUrl: string }).statusUrl);
      why = `the server answered ${answer.status}`;
      const again = answer.headers.has("retry-after") || [402, 408, 425, 429].includes(answer.status);
      if (!again && answer.status < 500) return { state: "failed", status: answer.status, body };
      await sleep(1_000 * Number(answer.headers.get("retry-after") ?? 0));
    } catch (error) {
      why = String(error);
    }
  }
  return { state: "gave_up", why };
}

async function poll({ fetch }: StockPurchase, statusUrl: string): Promise<StockOutcome> {
  for (let look = 0; look < 300; look += 1) {
    try {
      const answer = await fetch(statusUrl, { signal: AbortSignal.timeout(60_000) });
      const body = await readJson(answer);
      const { state, result } = body as { state?: string; result?: unknown };
      if (state === "succeeded") return { state: "delivered", output: result };
      if (state === "failed") return { state: "failed", status: answer.status, body };
    } catch {
      // Says nothing about the job.
    }
    await sleep(2_000);
  }
  return { state: "gave_up", why: `${statusUrl} did not end` };
}

/** @throws when the body is cut off, or not valid JSON although it should be the response */
async function readJson(answer: Response): Promise<unknown> {
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
