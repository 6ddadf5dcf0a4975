import { decodeHeader, encodeHeader } from "../../../src/protocol/index.ts";
import type { Answer, Call, Fault, Handle } from "./seller.ts";

/** Turns the responses of the correct seller into those of a faulty one. */

/** One server with one fault. */
export interface Broken {
  readonly name: string;
  /** The only check that must report the fault. */
  readonly finds: string;
  readonly fault: Fault;
  /** The resource to examine. @default "/v1/echo" */
  readonly path?: string;
  /** Whether the fault is visible only after a purchase. */
  readonly paid?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: this code breaks documents on purpose
export type Document = any;

/** Changes both versions of every challenge, and omits a document that is `undefined` afterwards. */
export function challenges(change: (v2: Document, v1: Document) => void): Fault {
  return changing(
    ({ status }) => status === 402,
    (answer) => {
      const v2 = decodeHeader(answer.headers["payment-required"] ?? "");
      const v1 = JSON.parse(answer.body) as Document;
      change(v2, v1);
      const headers = { ...answer.headers, "payment-required": encodeHeader(v2) };
      return { ...answer, headers, body: JSON.stringify(v1) };
    },
  );
}

export function offers(change: (offer: Document) => void): Fault {
  return challenges((v2, v1) => {
    for (const offer of [...v2.accepts, ...v1.accepts]) change(offer);
  });
}

export function changing(
  which: (answer: Answer, call: Call) => boolean,
  change: (answer: Answer, call: Call) => Answer,
): Fault {
  return async (call, real) => {
    const answer = await real(call);
    return which(answer, call) ? change(answer, call) : answer;
  };
}

/** Answers some calls instead of the seller. */
export function instead(
  which: (call: Call) => boolean,
  answer: (call: Call, real: Handle) => Answer | Promise<Answer>,
): Fault {
  return (call, real) => (which(call) ? answer(call, real) : real(call));
}

export function withHeaders(answer: Answer, headers: Record<string, string>): Answer {
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

export function without(answer: Answer, name: string): Answer {
  const { [name]: _, ...headers } = answer.headers;
  return { ...answer, headers };
}

export function both(outer: Fault, inner: Fault): Fault {
  return (call, real) => outer(call, async (same) => inner(same, real));
}

/** Changes the published document. */
export function document(change: (operation: Document, document: Document) => void): Fault {
  return changing(
    (_, { path }) => path === "/openapi.json",
    (answer) => {
      const whole = JSON.parse(answer.body) as Document;
      change(whole.paths["/v1/echo"].post, whole);
      return { ...answer, body: JSON.stringify(whole) };
    },
  );
}

export function sales({ method, path }: Call): boolean {
  return method === "POST" && !path.startsWith("/v1/jobs");
}

export function parsed(call: Call): Document {
  try {
    return JSON.parse(call.body);
  } catch {
    return undefined;
  }
}

/** The price of the resource, for every input. */
export function unread(call: Call, real: Handle): Promise<Answer> {
  return real({ ...call, body: "" });
}

export function refusal(status: number, detail: string): Answer {
  return {
    status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store" },
    body: JSON.stringify({ title: "Refused", status, detail }),
  };
}

export const isPaid = (call: Call): boolean => call.headers.has("payment-signature");
