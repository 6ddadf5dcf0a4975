import { formatUsd, parseUsd } from "../../schema/money.ts";
import type { SavedCall } from "../../src/client/calls.ts";
import { confirmed, needSomebody } from "./ask.ts";
import { CommandError } from "./command.ts";
import { idOf, keptCalls, savedAt } from "./saved-calls.ts";
import { counted, sayDone, sayNote } from "./say.ts";
import { tableOf } from "./table.ts";
import { typed } from "./typed.ts";

export interface ListCallsFlags {
  readonly calls?: string;
  readonly json?: boolean;
}

export interface ForgetFlags {
  readonly calls?: string;
  readonly all?: boolean;
  readonly yes?: boolean;
}

/** Lists paid calls that are still open, oldest first. Returns the exit code. */
export async function listCalls(flags: ListCallsFlags): Promise<number> {
  const list = inOrder((await keptCalls(flags.calls)).list);
  if (flags.json) console.log(JSON.stringify(list.map(published), undefined, 2));
  else if (list.length === 0) sayDone("No call is open.");
  else console.log(listed(list));
  return 0;
}

/**
 * Forgets calls that the seller will no longer answer: those named, or all. Explains the consequences first. Returns the
 * exit code: 0 when they are forgotten.
 */
export async function forgetCalls(ids: readonly string[], flags: ForgetFlags): Promise<number> {
  if ((ids.length === 0) !== (flags.all === true)) {
    throw new CommandError(`Name the calls to forget, or --all. See: ${typed("calls list")}`, 2);
  }
  const { calls, list } = await keptCalls(flags.calls);
  const chosen = inOrder(flags.all ? list : [...new Set(ids.flatMap((id) => named(id, list)))]);
  if (chosen.length === 0) {
    sayDone("No call is open.");
    return 0;
  }
  console.log(listed(chosen));
  for (const line of given(chosen)) sayNote(line);
  if (!flags.yes) {
    needSomebody("forget");
    if (!(await confirmed(`Forget ${counted(chosen.length, "call")}?`))) {
      sayNote("Nothing was forgotten.");
      return 1;
    }
  }
  for (const call of chosen) await calls.remove(call);
  sayDone(`Forgot ${counted(chosen.length, "call")}.`);
  return 0;
}

/** The call with that key or job id. @throws CommandError when there is none, or more than one */
function named(id: string, list: readonly SavedCall[]): SavedCall {
  const [found, other] = list.filter((call) => idOf(call) === id || call.idempotencyKey === id);
  if (found === undefined)
    throw new CommandError(`No open call has the key or job id ${id}. See: ${typed("calls list")}`);
  if (other === undefined) return found;
  const which = [found, other].map((call) => `${call.resource} at ${call.baseUrl}`).join(", and of ");
  throw new CommandError(`${id} is the key of ${which}. Name them by their job ids, or use --all.`);
}

/** The consequences of forgetting the calls. */
function given(chosen: readonly SavedCall[]): string[] {
  const totals = new Map<string, bigint>();
  for (const { payment } of chosen) {
    totals.set(payment.currency, (totals.get(payment.currency) ?? 0n) + parseUsd(payment.usd));
  }
  const sum = Array.from(totals, ([currency, total]) => `${formatUsd(total)} ${currency}`).join(" and ");
  const last = Math.max(...chosen.map(({ payment }) => payment.validBefore));
  const jobs = chosen.some(({ job }) => job !== undefined)
    ? ` The result of a job can still be fetched with its id: \`${typed("call <resource> --from <seller> --resume <job>")}\`.`
    : "";
  const isOpen = last * 1_000 > Date.now();
  return [
    `Forgetting does not revoke the signed payment${chosen.length === 1 ? "" : "s"} (${sum}). The same command will pay again.${jobs}`,
    ...(isOpen ? [`Until ${minute(last * 1_000)} UTC the seller can still settle such a payment.`] : []),
  ];
}

function listed(list: readonly SavedCall[]): string {
  const rows = list.map((call) => [
    idOf(call),
    savedAt(call),
    call.resource,
    `${call.payment.usd} ${call.payment.currency}`,
    call.payment.offer.network,
    call.baseUrl,
  ]);
  return tableOf(["Call", "Since (UTC)", "Resource", "Amount", "Network", "Seller"], rows);
}

/** The public fields of a call, without its signed payment. */
function published(call: SavedCall): object {
  const { baseUrl, resource, idempotencyKey, payment, job, createdAt } = call;
  return {
    ...{ baseUrl, resource, idempotencyKey, jobId: job?.jobId ?? null, createdAt },
    ...{ usd: payment.usd, currency: payment.currency, network: payment.offer.network },
    validBefore: new Date(payment.validBefore * 1_000).toISOString(),
  };
}

function inOrder(list: readonly SavedCall[]): readonly SavedCall[] {
  return list.toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
}

function minute(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace("T", " ");
}
