import { type Broken, changing, instead, isPaid, parsed, unread, withHeaders, without } from "./bend.ts";
import type { Answer, Call, Fault, Handle } from "./seller.ts";

/** Faults in paid responses and in jobs. */
export const BROKEN_PURCHASES: readonly Broken[] = [
  {
    name: "answers 200 for an unknown job",
    finds: "job-unknown",
    fault: instead(
      ({ path }) => path.startsWith("/v1/jobs/"),
      () => ({ status: 200, headers: { "cache-control": "no-store" }, body: '{"state":"processing"}' }),
    ),
  },
  {
    name: "says done instead of succeeded",
    finds: "job-states",
    path: "/v1/render",
    paid: true,
    fault: changing(
      ({ body }, { path }) => path.startsWith("/v1/jobs/") && body.includes("succeeded"),
      (answer) => ({ ...answer, body: answer.body.replace("succeeded", "done") }),
    ),
  },
  {
    name: "lets progress decrease",
    finds: "job-states",
    path: "/v1/render",
    paid: true,
    fault: changing(
      ({ body }, { path }) => path.startsWith("/v1/jobs/") && body.includes("succeeded"),
      (answer) => ({ ...answer, body: answer.body.replace('"progress":100', '"progress":20') }),
    ),
  },
  {
    name: "does not say when to poll a job",
    finds: "job-accepted",
    path: "/v1/render",
    paid: true,
    fault: changing(
      ({ status }) => status === 202,
      (answer) => without(answer, "retry-after"),
    ),
  },
  {
    name: "lets caches store a running job",
    finds: "job-caching",
    path: "/v1/render",
    paid: true,
    fault: changing(
      ({ status }, { path }) => status === 200 && path.startsWith("/v1/jobs/"),
      (answer) => withHeaders(answer, { "cache-control": "max-age=60" }),
    ),
  },
  {
    name: "ends a job without its result",
    finds: "job-result",
    path: "/v1/render",
    paid: true,
    fault: changing(
      ({ body }, { path }) => path.startsWith("/v1/jobs/") && body.includes("succeeded"),
      (answer) => ({ ...answer, body: JSON.stringify({ ...JSON.parse(answer.body), result: undefined }) }),
    ),
  },
  {
    name: "accepts no payment at all",
    finds: "paid-answer",
    paid: true,
    fault: instead(isPaid, unread),
  },
  {
    name: "gives no receipt",
    finds: "paid-receipt",
    paid: true,
    fault: changing(
      ({ status }) => status === 200,
      (answer) => without(answer, "payment-response"),
    ),
  },
  {
    name: "lets shared caches store a paid response",
    finds: "paid-caching",
    paid: true,
    fault: changing(
      ({ headers }) => headers["payment-response"] !== undefined,
      (answer) => withHeaders(answer, { "cache-control": "public, max-age=600" }),
    ),
  },
  {
    name: "does the work for each copy of a payment",
    finds: "paid-concurrent",
    paid: true,
    fault: (() => {
      let made = 0;
      return changing(
        ({ status }) => status === 200,
        (answer, call) => {
          if (isPaid(call)) made += 1;
          // It recognizes a repeated call only after the first one has ended.
          return isPaid(call)
            ? { ...answer, body: JSON.stringify({ text: "hello", serial: Math.min(made, 3) }) }
            : answer;
        },
      );
    })(),
  },
  {
    name: "answers a repeated call with a new challenge",
    finds: "paid-replay",
    paid: true,
    fault: (() => {
      let sold = 0;
      return async (call: Call, real: Handle) => {
        if (!isPaid(call) || parsed(call)?.text !== "hello") return real(call);
        const answer = await real(call);
        if (answer.status === 200) sold += 1;
        return sold > 3 ? unread(call, real) : answer;
      };
    })(),
  },
  {
    name: "takes back the word that a job is paid",
    finds: "paid-replay",
    path: "/v1/render",
    paid: true,
    fault: later(({ answer, isLater }) => {
      const paymentState = isLater ? "in_flight" : "settled";
      return { ...answer, body: JSON.stringify({ ...JSON.parse(answer.body), paymentState }) };
    }),
  },
  {
    name: "sells another job to a repeated call",
    finds: "paid-replay",
    path: "/v1/render",
    paid: true,
    fault: later(({ answer, isLater }) => {
      const more = isLater ? { expiresAt: "2030-01-01T00:00:00Z" } : {};
      return { ...answer, body: JSON.stringify({ ...JSON.parse(answer.body), ...more }) };
    }),
  },
  {
    name: "changes a member of its output that is named status",
    finds: "paid-replay",
    paid: true,
    fault: later(({ answer, isLater }) => {
      return { ...answer, body: JSON.stringify({ ...JSON.parse(answer.body), status: isLater ? "b" : "a" }) };
    }),
  },
  {
    name: "gives another input under the same key the first response",
    finds: "paid-conflict",
    paid: true,
    fault: (() => {
      const first = new Map<string, Call>();
      return (call: Call, real: Handle) => {
        const key = isPaid(call) ? call.headers.get("idempotency-key") : null;
        if (key === null || parsed(call)?.text === undefined) return real(call);
        first.set(key, first.get(key) ?? call);
        return real(first.get(key) ?? call);
      };
    })(),
  },
];

/** Changes every sale; the doctor's first three requests are sent at once, and what follows is a repeated call. */
function later(change: (sale: { readonly answer: Answer; readonly isLater: boolean }) => Answer): Fault {
  let sold = 0;
  return changing(
    ({ status }, call) => (status === 200 || status === 202) && isPaid(call),
    (answer) => {
      sold += 1;
      return change({ answer, isLater: sold > 3 });
    },
  );
}
