import type { FaultPoint } from "../../src/testing/index.ts";
import { isJob, type ResourceName } from "./api.ts";
import type { ClientKind } from "./clients.ts";
import type { Plan } from "./stage.ts";
import {
  buyerDies,
  cancelAuthorization,
  cancels,
  clockJumps,
  invalidInput,
  killedAtWork,
  losesLease,
  muchLater,
  otherInput,
  otherPlace,
  type Story,
  twins,
} from "./stories.ts";

/** One thing that goes wrong, by the number it has in the table of 30 fault points. */
export interface Fault {
  readonly number: string;
  readonly name: string;
  readonly plan: Plan;
  /** Which resources it can happen to. @default all */
  readonly to?: (resource: ResourceName) => boolean;
  /** Which clients it makes a difference to. @default all */
  readonly of?: readonly ClientKind[];
  /** The buyer must get the result: a refund is not enough. */
  readonly delivers?: true;
  /** The buyer comes back when the seller has deleted the result, as it may: what it is told must still be true. */
  readonly forgotten?: true;
  /** What happens besides one purchase. */
  readonly story?: Story;
}

/** Why the others of the 30 do not occur here. */
export const NOT_HERE: Readonly<Record<string, string>> = {
  F9: "a chain that takes a settlement back: finality is the facilitator's business, whose word ends a settlement",
  F20: "a restart between the end of a job and its webhook: test/jobs/callback.test.ts, with real receivers",
  F22: "no escrow: @x402/evm 2.27 has no server for auth-capture",
  F23: "no escrow: nothing is captured or voided",
};

const before = (resource: ResourceName) => resource.endsWith("Before");
const sync = (resource: ResourceName) => !isJob(resource);
const once = [1];
const twice = [1, 2];

const crash = (
  number: string,
  point: FaultPoint,
  nth = 1,
  more: Partial<Fault> & { plan?: Plan } = {},
): Fault => ({
  number,
  name: `the server dies at ${point}${nth > 1 ? ` (${nth})` : ""}`,
  ...more,
  plan: { crashes: [{ point, nth }], ...more.plan },
});

const settling = (
  number: string,
  mode: NonNullable<Plan["facilitator"]>[number]["mode"],
  calls = once,
): Fault => ({
  number,
  name: `the facilitator: ${mode}${calls.length > 1 ? ` ${calls.length} times` : ""}`,
  plan: { facilitator: [{ mode, calls }] },
});

const travelling = (
  number: string,
  mode: NonNullable<Plan["network"]>[number]["mode"],
  of: "paid" | "unpaid" | "get" = "paid",
  calls = once,
): Fault => ({
  number,
  name: `the network: ${mode} (${of} request)`,
  plan: { network: [{ mode, of, calls }] },
  ...(of === "get" ? { to: isJob } : {}),
});

const storing = (number: string, method: string, calls = once, after?: true): Fault => ({
  number,
  name: `the store fails ${after ? "after" : "before"} ${method} (${calls.join(", ")})`,
  plan: { store: [{ method, calls, ...(after ? { after } : {}) }] },
});

/** Every single fault. */
export const FAULTS: readonly Fault[] = [
  { number: "–", name: "nothing goes wrong", plan: {} },
  crash("F1", "call.received"),
  crash("F1", "call.received", 2),
  crash("F1", "call.unknown"),
  crash("F2", "call.verified"),
  storing("F3", "findCall"),
  storing("F3", "begin"),
  storing("F3", "begin", once, true),
  storing("F3", "change"),
  storing("F3", "change", once, true),
  storing("F3", "change", [2]),
  storing("F3", "change", [2], true),
  storing("F3", "change", [1, 2, 3, 4, 5, 6]),
  storing("F3", "attend"),
  crash("F4", "call.begun"),
  crash("F4", "settle.before"),
  settling("F5", "cut_after"),
  settling("F5", "timeout_after"),
  settling("F5", "silent_after"),
  settling("F5", "bad_gateway_after"),
  settling("F5", "html_after"),
  settling("F5", "cut_before"),
  settling("F5", "timeout_before"),
  settling("F5", "silent_before"),
  settling("F5", "bad_gateway_before"),
  settling("F5", "bad_gateway_before", [1, 2, 3, 4]),
  settling("F5", "rate_limited"),
  settling("F5", "slow"),
  {
    number: "F5",
    name: "the connection to the facilitator breaks, and the payer cancels the authorization",
    plan: { facilitator: [{ mode: "cut_before", calls: once }] },
    story: cancelAuthorization,
  },
  settling("F6", "pending"),
  settling("F6", "pending", twice),
  settling("F6", "pending_error"),
  settling("F6", "pending_error", twice),
  settling("F6", "pending_never", twice),
  {
    number: "F6",
    name: "the facilitator: pending_never, always",
    plan: { facilitator: [{ mode: "pending_never" }] },
  },
  settling("F7", "refused"),
  { number: "F7", name: "the facilitator: refused, always", plan: { facilitator: [{ mode: "refused" }] } },
  crash("F8", "settle.after", 1, { plan: { facilitator: [{ mode: "strict" }] } }),
  crash("F8", "settle.after", 1, {
    name: "the server dies at settle.after, and the facilitator is idempotent",
    plan: { facilitator: [{ mode: "idempotent" }] },
  }),
  crash("F8", "settle.recorded"),
  {
    number: "F8",
    name: "the server dies at settle.after, and the one that follows dies there too",
    plan: { crashes: [{ point: "settle.after" }, { point: "settle.after" }] },
  },
  crash("F10", "call.answered"),
  crash("F10", "call.answered", 2),
  travelling("F10", "answer_lost"),
  travelling("F10", "answer_never"),
  travelling("F10", "bad_gateway_after"),
  travelling("F10", "cut_body"),
  {
    number: "F11–F12",
    name: "two answers in a row are lost",
    plan: { network: [{ mode: "answer_lost", of: "paid", calls: twice }] },
  },
  {
    number: "F13",
    name: "the key is used for another input",
    plan: {},
    of: ["replay", "resign"],
    story: otherInput,
  },
  travelling("F14", "duplicated"),
  travelling("F14", "delivered_late"),
  {
    number: "F14",
    name: "five at the same time with one payment",
    plan: {},
    of: ["replay", "resend"],
    story: twins,
  },
  {
    number: "F14",
    name: "a twin at the same time, and the server dies at settle.after",
    plan: { network: [{ mode: "duplicated", of: "paid" }], crashes: [{ point: "settle.after" }] },
  },
  {
    number: "F15",
    name: "the payment is presented again for another input, and at another resource",
    plan: {},
    of: ["replay", "resend"],
    story: otherPlace,
  },
  crash("F16", "call.ran", 1, { to: sync }),
  crash("F16", "call.concluding", 1, { to: (resource) => sync(resource) && before(resource) }),
  crash("F16", "job.claimed", 1, { to: isJob }),
  crash("F16", "job.ran", 1, { to: isJob }),
  crash("F16", "job.ended", 1, { to: isJob }),
  { number: "F16", name: "the server dies while the handler runs", plan: {}, story: killedAtWork },
  {
    number: "F17",
    name: "the server loses its lease while the handler runs, another takes over, and the first one ends late",
    plan: { servers: 2, behaviour: "dawdles" },
    to: isJob,
    story: losesLease,
  },
  {
    number: "F17",
    name: "the server loses its lease while the handler runs, another takes over, and the first one fails late",
    plan: { servers: 2, behaviour: "stumbles" },
    to: isJob,
    story: losesLease,
    delivers: true,
  },
  { number: "F18", name: "the handler throws", plan: { behaviour: "throws" } },
  { number: "F18", name: "the handler never ends", plan: { behaviour: "hangs" } },
  { number: "F18", name: "the handler returns what is not allowed", plan: { behaviour: "botches" } },
  {
    number: "F18",
    name: "the handler throws, and the server dies at job.ended",
    plan: { behaviour: "throws", crashes: [{ point: "job.ended" }] },
    to: isJob,
  },
  { number: "F19", name: "the buyer cancels at once", plan: {}, to: isJob, story: cancels(0) },
  { number: "F19", name: "the buyer cancels while it runs", plan: {}, to: isJob, story: cancels(150) },
  { number: "F19", name: "the buyer cancels as it ends", plan: {}, to: isJob, story: cancels(300) },
  { number: "F19", name: "the buyer cancels after its end", plan: {}, to: isJob, story: cancels(2_000) },
  crash("F21", "refund.before", 1, { to: before, plan: { behaviour: "throws" } }),
  crash("F21", "refund.after", 1, { to: before, plan: { behaviour: "throws" } }),
  ...(["cut_after", "silent_after", "bad_gateway_before", "pending", "refused"] as const).map(
    (mode): Fault => ({
      number: "F21",
      name: `the refund's facilitator: ${mode}`,
      plan: { behaviour: "throws", facilitator: [{ mode, calls: [2] }] },
      to: before,
    }),
  ),
  {
    number: "F24",
    name: "the buyer replays after the retention",
    plan: {},
    of: ["replay", "resend"],
    story: muchLater,
  },
  {
    number: "F25",
    name: "the clock jumps an hour forward while money moves",
    plan: { facilitator: [{ mode: "slow", calls: once }] },
    story: clockJumps(3_600_000),
  },
  {
    number: "F25",
    name: "the clock jumps an hour back while money moves",
    plan: { facilitator: [{ mode: "slow", calls: once }] },
    story: clockJumps(-3_600_000),
  },
  { number: "F26", name: "two servers on one store", plan: { servers: 2 } },
  {
    number: "F26",
    name: "two servers on one store, and twins to both",
    plan: { servers: 2, network: [{ mode: "duplicated", of: "paid" }] },
  },
  {
    number: "F26",
    name: "two servers on one store, and one dies at settle.after",
    plan: { servers: 2, crashes: [{ point: "settle.after" }] },
  },
  ...(
    [
      "verify_cut",
      "verify_bad_gateway",
      "verify_html",
      "verify_rate_limited",
      "verify_error",
      "verify_timeout",
      "verify_silent",
      "verify_slow",
    ] as const
  ).map((mode) => settling("F27", mode)),
  settling("F7", "verify_refused"),
  {
    number: "F28",
    name: "the buyer dies after it has paid, and comes back",
    plan: {},
    of: ["replay", "resend"],
    story: buyerDies(),
  },
  {
    number: "F28",
    name: "the buyer dies after it has paid, and comes back after the retention",
    plan: {},
    of: ["replay", "resend"],
    forgotten: true,
    story: buyerDies(30 * 3_600_000),
  },
  travelling("F28", "request_lost"),
  travelling("F28", "bad_gateway_before"),
  travelling("F28", "delayed"),
  travelling("F28", "answer_lost", "unpaid"),
  ...(
    ["rate_limited", "unavailable", "not_found", "html", "cut_body", "answer_lost", "answer_never"] as const
  ).map((mode) => travelling("F29", mode, "get", [1, 2, 3])),
  {
    number: "F30",
    name: "the input of the paid request is not valid",
    plan: {},
    of: ["replay"],
    story: invalidInput,
  },
];
