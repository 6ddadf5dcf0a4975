import { connect } from "../../src/client/connect.ts";
import type { PendingCall } from "../../src/client/connection.ts";
import { isResourceError, type ResourceError } from "../../src/client/errors.ts";
import type { Job } from "../../src/client/job.ts";
import type { CallOptions, ClientOptions } from "../../src/client/options.ts";
import { isRecord } from "../../src/protocol/index.ts";
import { contentOf, jsonValueOf } from "./content.ts";
import { createSpendingLedger, type Entry } from "./ledger.ts";
import { META, type Tool, type ToolCall, type ToolResult } from "./tool.ts";

export interface BuyerOptions {
  /** Where the API is, who pays, and how much at most. */
  readonly client: Omit<ClientOptions, "onEvent">;
  /** What whoever runs the server can do about a refusal: sentences that end an error's text. */
  readonly fixes: {
    readonly noPayer: string;
    readonly overCeiling: string;
    readonly noMaxPrice: string;
    readonly overBudget: string;
  };
}

/** Buys for agents: every call of this process goes through one client, and so through one budget. */
export interface Buyer {
  /** Never rejects, unless the call's signal has aborted. */
  call(tool: Tool, call: ToolCall): Promise<ToolResult>;
  /** Brings a call to its end that was paid for and not answered. It is not paid again. */
  resume(tool: Tool | undefined, call: ToolCall & { readonly idempotencyKey: string }): Promise<ToolResult>;
  /** What was signed, oldest first. */
  payments(): readonly Entry[];
  /** Calls that were paid for and have not ended. */
  pending(): Promise<readonly PendingCall[]>;
  /** US dollars that may still be signed for; `undefined` when the client has no total budget. */
  left(): Promise<string | undefined>;
}

export function createBuyer({ client, fixes }: BuyerOptions): Buyer {
  const ledger = createSpendingLedger();
  const connection = connect({ ...client, onEvent: ledger.hear });

  async function bought(tool: Tool, call: ToolCall, idempotencyKey: string): Promise<ToolResult> {
    const { input, signal } = call;
    if (!tool.isJob) {
      const output = await connection.resource(tool.call)(input, {
        signal,
        idempotencyKey,
        ...ceilingOf(tool),
      });
      return await success(tool, output, idempotencyKey);
    }
    const job = await started(tool, call, idempotencyKey);
    const paid = (): void => {
      if (job.receipt) ledger.settle({ resource: tool.call.name, idempotencyKey }, job.receipt);
    };
    paid();
    try {
      // Aborted by now, it throws at once.
      const output = await job.result({
        signal,
        onProgress: ({ progress, message, status }) => call.onProgress?.(progress, message ?? status),
      });
      paid();
      return await success(tool, output, idempotencyKey, job.id);
    } catch (error) {
      paid();
      if (signal.aborted && call.isUnwanted()) await cancel(job);
      throw error;
    }
  }

  /**
   * Starts a job. When it is no longer wanted after its payment was signed, it is awaited until it is accepted: there
   * is nothing to cancel before.
   */
  async function started(tool: Tool, { input, signal, isUnwanted }: ToolCall, idempotencyKey: string) {
    const start = new AbortController();
    const stop = (): void => {
      if (!ledger.isSigned({ resource: tool.call.name, idempotencyKey }) || !isUnwanted())
        start.abort(signal.reason);
    };
    signal.throwIfAborted();
    signal.addEventListener("abort", stop, { once: true });
    try {
      const options = { signal: start.signal, idempotencyKey, ...ceilingOf(tool) };
      return await connection.jobResource(tool.call).start(input, options);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Where the seller publishes no price, the operator's ceiling is what a call may cost. */
  function ceilingOf({ call }: Tool): Pick<CallOptions, "maxPrice"> {
    const perCall = client.budget?.perCall;
    return call.price.kind === "unknown" && perCall !== undefined ? { maxPrice: perCall } : {};
  }

  /** Cancels a job that is no longer wanted, and records the state of its payment. */
  async function cancel(job: Job<unknown>): Promise<void> {
    try {
      await job.cancel();
      await job.result({ timeout: "5s" });
    } catch (error) {
      if (isResourceError(error)) note(error);
    }
  }

  function note(error: ResourceError): void {
    const { charged, paymentState, receipt } = error;
    // What was not signed says nothing of what was signed before.
    if (error.code === "payment_refused") return;
    if (receipt) ledger.settle(error, receipt);
    ledger.amend(error, { charged, paymentState });
  }

  async function success(
    tool: Tool | undefined,
    output: unknown,
    idempotencyKey: string,
    jobId?: string,
  ): Promise<ToolResult> {
    const isOpaque =
      output instanceof Blob ||
      (typeof output === "object" && output !== null && Symbol.asyncIterator in output);
    const structured = isOpaque ? undefined : isRecord(output) ? output : { result: output };
    return {
      content: [await contentOf(output)],
      ...(tool?.outputSchema && structured ? { structuredContent: structured } : {}),
      _meta: present({
        [META.idempotencyKey]: idempotencyKey,
        [META.receipt]: tool && ledger.receiptOf({ resource: tool.call.name, idempotencyKey }),
        [META.jobId]: jobId,
      }),
    };
  }

  const left = async (): Promise<string | undefined> => (await connection.budget()).free;

  async function failure(error: unknown, idempotencyKey: string): Promise<ToolResult> {
    if (!isResourceError(error)) {
      const text = error instanceof Error ? error.message : String(error);
      return errorResult(text, { [META.idempotencyKey]: idempotencyKey });
    }
    note(error);
    const { response, charged } = error;
    const answer = response && { ...response, body: await jsonValueOf(response.body) };
    // A model sees the text alone, and what was paid for may be in the answer.
    const told = answer?.body === undefined || charged === "no" ? "" : answerText(answer);
    return errorResult(textOf(error, await left().catch(() => undefined), fixes) + told, {
      [META.idempotencyKey]: idempotencyKey,
      [META.code]: error.code,
      [META.charged]: error.charged,
      [META.reason]: error.reason,
      [META.failure]: error.failure,
      [META.paymentState]: error.paymentState,
      [META.response]: answer,
      [META.jobId]: error.jobId,
      [META.receipt]:
        error.receipt ?? (error.code === "payment_refused" ? undefined : ledger.receiptOf(error)),
    });
  }

  return {
    async call(tool, call) {
      const idempotencyKey = call.idempotencyKey ?? `mcp_${crypto.randomUUID().replaceAll("-", "")}`;
      try {
        return await bought(tool, call, idempotencyKey);
      } catch (error) {
        call.signal.throwIfAborted();
        return await failure(error, idempotencyKey);
      }
    },

    async resume(tool, { idempotencyKey, signal }) {
      try {
        const open = await connection.pending();
        const saved = open.find((one) => one.idempotencyKey === idempotencyKey);
        if (!saved) {
          const text = `There is no open call under the key "${idempotencyKey}": it has ended, or was never paid for.`;
          return errorResult(text, { [META.idempotencyKey]: idempotencyKey });
        }
        return await success(tool, await saved.resume({ signal }), idempotencyKey, saved.jobId);
      } catch (error) {
        signal.throwIfAborted();
        return await failure(error, idempotencyKey);
      }
    },

    payments: ledger.entries,
    pending: connection.pending,
    left,
  };
}

export function errorResult(text: string, meta: Record<string, unknown>): ToolResult {
  return { content: [{ type: "text", text }], isError: true, _meta: present(meta) };
}

function present(meta: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(meta).filter(([, value]) => value !== undefined));
}

/** What an agent has to know of a failure: what it was, what it has cost, and what to do. */
function textOf(error: ResourceError, left: string | undefined, fixes: BuyerOptions["fixes"]): string {
  const { reason, issues = [] } = error;
  const named = issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  const why = [error.message, ...named].join("\n");
  const told = (fix: string): string => `${why}\n${MONEY[error.charged]} ${fix}`.trimEnd();
  switch (reason) {
    case "no_payer":
      return `${why.replace(/, and the client has no payer.*$/, ", and this server has no wallet")}\n${MONEY.no} ${fixes.noPayer}`;
    case "no_max_price":
      return `${tooVague(error.resource)}\n${MONEY[error.charged]} ${fixes.noMaxPrice}`;
    case "over_ceiling":
      return told(fixes.overCeiling);
    case "over_budget":
      return told(`$${left ?? "0.00"} of the budget is left. ${fixes.overBudget}`);
    default:
      return told(adviceOn(error));
  }
}

function tooVague(resource: string): string {
  return `${resource}: The seller publishes no price that can be read, and this server has no maximum price of a call.`;
}

/** The beginning of an answer. 4,000 characters. */
function answerText({ status, body }: { readonly status: number; readonly body: unknown }): string {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return `\nThe seller answered ${status}: ${text.slice(0, 4_000)}`;
}

const MONEY: Readonly<Record<ResourceError["charged"], string>> = {
  no: "Nothing was charged.",
  yes: "It was charged.",
  refunded: "It was charged, and paid back.",
  unknown: "Whether it was charged is not known yet.",
};

function adviceOn({ charged, paymentState, idempotencyKey, jobId }: ResourceError): string {
  if (paymentState === "refund_owed") return "The seller owes it back.";
  const isOpen = charged === "unknown" || (charged === "yes" && jobId !== undefined);
  if (!isOpen || paymentState === "settled") return "";
  return `Ask for the answer by the tool ${RESUME}, with idempotencyKey "${idempotencyKey}": it is not paid again.`;
}

/** The tool that brings a call to its end. */
export const RESUME = "resource402_resume";
