import { cut, HTML, later, never, type Rule } from "./broken.ts";

/**
 * What happens between client and server.
 *
 * - `request_lost`: it never arrives. `answer_lost`: it does, and the connection breaks before the answer.
 * - `answer_never`: it arrives, and the client waits until its timeout.
 * - `delivered_late`: the client sees a broken connection; the request arrives `ms` (5 s) later all the same.
 * - `duplicated`: it arrives twice at the same time; the client gets the first answer.
 * - `delayed`: it arrives `ms` (5 s) later.
 * - `bad_gateway_before`, `bad_gateway_after`: a proxy's 502, without the request, or instead of the answer.
 * - `cut_body`: the connection breaks in the middle of the answer's body.
 * - `rate_limited`, `unavailable`, `not_found`, `html`: a proxy answers 429, 503, 404, or HTML with status 200.
 */
export type NetworkFault =
  | "request_lost"
  | "answer_lost"
  | "answer_never"
  | "delivered_late"
  | "duplicated"
  | "delayed"
  | "bad_gateway_before"
  | "bad_gateway_after"
  | "cut_body"
  | "rate_limited"
  | "unavailable"
  | "not_found"
  | "html";

/** A rule of a hostile network: which of its requests go wrong, and how. */
export interface NetworkRule extends Rule<NetworkFault> {
  /** Which requests it applies to, and are counted: those that carry a payment, those that do not, or all GETs. @default all */
  readonly of?: "paid" | "unpaid" | "get";
}

/** A `fetch` that fails by rules. */
export interface HostileNetwork {
  (input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** May be replaced at any time; counting goes on. */
  rules: readonly NetworkRule[];
}

/** The way from a client to a server, on a bad day. Without a rule that applies it is the `fetch` that it wraps. */
export function hostileNetwork(
  fetch: (request: Request) => Promise<Response>,
  rules: readonly NetworkRule[] = [],
): HostileNetwork {
  const sent = { all: 0, paid: 0, unpaid: 0, get: 0 };

  async function send({ mode, ms }: NetworkRule, request: Request): Promise<Response> {
    switch (mode) {
      case "request_lost":
        throw cut();
      case "answer_lost":
        await fetch(request);
        throw cut();
      case "answer_never":
        await fetch(request);
        return never;
      case "delivered_late":
        setTimeout(() => void fetch(request).catch(() => {}), ms ?? 5_000);
        throw cut();
      case "duplicated":
        return Promise.any([fetch(request.clone()), fetch(request)]);
      case "delayed":
        await later(ms ?? 5_000);
        return fetch(request);
      case "bad_gateway_before":
        return page(502);
      case "bad_gateway_after":
        await fetch(request);
        return page(502);
      case "cut_body":
        return torn(await fetch(request));
      case "rate_limited":
        return page(429, { "retry-after": "1" });
      case "unavailable":
        return page(503);
      case "not_found":
        return page(404);
      case "html":
        return page(200);
    }
  }

  const network: HostileNetwork = Object.assign(
    async (input: RequestInfo | URL, init?: RequestInit) => {
      const request = new Request(input, init);
      const paid = request.headers.has("payment-signature") || request.headers.has("x-payment");
      sent.all += 1;
      sent[paid ? "paid" : "unpaid"] += 1;
      if (request.method === "GET") sent.get += 1;
      const rule = network.rules.find(({ of, calls }) => {
        const counted =
          of === undefined || of === (paid ? "paid" : "unpaid") || (of === "get" && request.method === "GET");
        return counted && (calls?.includes(sent[of ?? "all"]) ?? true);
      });
      return untilAborted(request, input, rule ? send(rule, request) : fetch(request));
    },
    { rules },
  );
  return network;
}

const page = (status: number, headers: Record<string, string> = {}) =>
  new Response(HTML, { status, headers: { "content-type": "text/html", ...headers } });

function torn(answer: Response): Response {
  const { status, headers } = answer;
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const bytes = new Uint8Array(await answer.arrayBuffer());
      controller.enqueue(bytes.subarray(0, bytes.length / 2));
      controller.error(cut());
    },
  });
  return new Response(body, { status, headers });
}

/**
 * A request without a reference is collected, and its signal with it: the abort would never come. So is the one that it was
 * made of, through which the abort comes.
 */
const waiting = new Set<object>();

/** As a real connection does it: an abort ends the wait, whatever becomes of the request. */
function untilAborted<T>(request: Request, madeOf: unknown, answer: Promise<T>): Promise<T> {
  const { signal } = request;
  const held = { request, madeOf };
  waiting.add(held);
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    answer.then(resolve, reject);
  }).finally(() => waiting.delete(held));
}
