import { homedir } from "node:os";
import { join } from "node:path";
import { formatAtomic, formatUsd, parseUsd, type Usd } from "../../schema/money.ts";
import type { Calls, SavedCall } from "../../src/client/calls.ts";
import { connect } from "../../src/client/connect.ts";
import { quote, requestOf } from "../../src/client/definition.ts";
import { isResourceError } from "../../src/client/errors.ts";
import { evmPayer } from "../../src/client/evm.ts";
import type { ClientEvent } from "../../src/client/exchange.ts";
import type { Job } from "../../src/client/job.ts";
import type { Payer } from "../../src/client/pay.ts";
import { fileCalls } from "../../src/node/calls.ts";
import { findAsset, type PaymentRequired, type Receipt } from "../../src/wire/index.ts";
import { type CallModel, callDefinition } from "../call-definition.ts";
import { didYouMean } from "../mistake.ts";
import type { ApiModel, ResourceModel } from "../model.ts";
import { canAsk, confirmed } from "./ask.ts";
import { type InputFlags, readInput } from "./call-input.ts";
import { Declined, drawProgress, printOutcome, sayFailure, sayStopped } from "./call-outcome.ts";
import { CommandError, type Context } from "./command.ts";
import { sayNote, sayProgress } from "./say.ts";
import { readSeller, usdOf } from "./seller.ts";
import { walletFromEnvironment } from "./wallet.ts";

export interface CallFlags extends InputFlags {
  readonly from?: string;
  readonly baseUrl?: string;
  /** US dollars that the call may cost. */
  readonly max?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
  /** File that the output is written to. */
  readonly output?: string;
  readonly idempotencyKey?: string;
  /** Id of a job that was started before. */
  readonly resume?: string;
  /** Buy once more what was paid for and has not ended. */
  readonly again?: boolean;
  /** Folder that keeps calls which were paid for and have not ended. */
  readonly calls?: string;
}

/** Calls a resource, pays for it, waits for it, and prints what came of it. Returns the exit code. */
export async function callResource(name: string, flags: CallFlags, context: Context): Promise<number> {
  const maxPrice = flags.max === undefined ? undefined : usdOf("--max", flags.max);
  const account = await walletFromEnvironment();
  const options = maxPrice === undefined ? {} : { maxPrice };
  const { model, ...seller } = await readSeller(flags.from, flags.baseUrl, context, options);
  const baseUrl = seller.baseUrl.replace(/\/+$/, "");
  const resource = resourceOf(model, name);
  const definition = callDefinition(resource);
  const isResumed = flags.resume !== undefined;
  if (isResumed && resource.job === undefined) {
    throw new CommandError(`${resource.name} is not answered by a job: there is nothing to resume.`, 2);
  }
  const input = isResumed ? {} : await readInput(flags, model, resource);
  const folder = flags.calls ?? defaultFolder();
  const calls = fileCalls(folder);
  const kept = (await listed(calls, folder)).filter(
    (call) => call.baseUrl === baseUrl && call.resource === definition.name,
  );
  const isNew = flags.again || flags.idempotencyKey !== undefined;
  const open = isResumed
    ? kept.find(({ job }) => job?.jobId === flags.resume)
    : isNew
      ? undefined
      : openCall(kept, baseUrl, definition, input);

  if (open === undefined && !isResumed && resource.price.kind !== "free") {
    sayNote(priceText(resource, definition, input, maxPrice));
    // Without a wallet nothing can be paid, and the seller's own word on the price is what remains to be had.
    if (account !== undefined && !flags.yes && !canAsk()) {
      throw new CommandError("There is nobody to ask. Add --yes to pay without a question.", 2);
    }
  }
  if (open !== undefined && !isResumed) {
    const when = `${open.createdAt.slice(0, 16).replace("T", " ")} UTC`;
    sayNote(`Paid for at ${when}, and not ended: it is resumed, and not paid again. (--again buys another.)`);
  }

  let signed: { readonly usd: string; readonly idempotencyKey: string } | undefined;
  let settled: Receipt | undefined;
  let job: Job<unknown> | undefined;
  const client = connect({
    baseUrl,
    calls,
    onEvent(event: ClientEvent) {
      if (event.type === "signed") signed = event;
      if (event.type === "settled") settled = event.receipt;
    },
    ...(account === undefined ? {} : { payer: asking(evmPayer(account), flags.yes === true) }),
  });
  const signal = context.interruption();
  const idempotencyKey = flags.idempotencyKey ?? open?.idempotencyKey;
  const callOptions = {
    signal,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...options,
  };

  async function bought(): Promise<unknown> {
    if (resource.job === undefined) return client.resource<object, unknown>(definition)(input, callOptions);
    const jobs = client.jobResource<object, unknown>(definition);
    const known = open?.job ?? flags.resume;
    job = known === undefined ? await jobs.start(input, callOptions) : jobs.resume(known);
    sayNote(`Job ${job.id}`);
    return job.result({ signal, onProgress: drawProgress });
  }

  try {
    const output = await bought();
    sayProgress("");
    const receipt = job?.receipt ?? settled;
    await printOutcome(flags, {
      resource: resource.name,
      output,
      usd: receipt?.amount ?? signed?.usd ?? open?.payment.usd ?? "0.00",
      receipt: receipt ?? null,
      jobId: job?.id ?? null,
      idempotencyKey: signed?.idempotencyKey ?? idempotencyKey ?? null,
    });
    return 0;
  } catch (error) {
    sayProgress("");
    const told = { name, flags, jobId: job?.id, key: (signed ?? open)?.idempotencyKey };
    if (signal.aborted) return sayStopped(told);
    if (!isResourceError(error)) throw error;
    return sayFailure(error, { ...told, model, resource });
  }
}

/** The resource of that name, or at that path. @throws CommandError that names the nearest */
function resourceOf({ title, resources }: ApiModel, name: string): ResourceModel {
  const found = resources.find((one) => one.name === name) ?? resources.find((one) => one.path === name);
  if (found !== undefined) return found;
  const hint = didYouMean(
    name,
    resources.map((one) => one.name),
  );
  const list = resources.map((one) => `  ${one.name}  ${one.summary}`).join("\n");
  throw new CommandError(`${title} has no resource "${name}"${hint}. It has:\n${list}`, 2);
}

/** Calls are kept with the user, not with a project: they hold signed payments. */
function defaultFolder(): string {
  const state = process.env.XDG_STATE_HOME || join(homedir(), ".local", "state");
  return join(state, "resource402", "calls");
}

async function listed(calls: Calls, folder: string): Promise<readonly SavedCall[]> {
  try {
    return await calls.list();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandError(`The saved calls in ${folder} cannot be read: ${why}`);
  }
}

/** The call of the same request, paid for and not ended. */
function openCall(
  kept: readonly SavedCall[],
  baseUrl: string,
  definition: CallModel,
  input: object,
): SavedCall | undefined {
  try {
    const { url, body } = requestOf(baseUrl, definition, input, "");
    return kept.find(({ request }) => request.url === url && request.body === body);
  } catch {
    // No request can be made of this input, so none was. The call itself says why.
    return undefined;
  }
}

/** What a call will cost, computed here. */
function priceText(
  resource: ResourceModel,
  definition: CallModel,
  input: object,
  maxPrice: Usd | undefined,
): string {
  const { name, price, priceSentence, priceBounds, per } = resource;
  let usd: string | undefined;
  try {
    usd = quote(definition, input);
  } catch {
    // An input without a price is refused by the seller, who says why.
    return `${name}: ${priceSentence}`;
  }
  const most =
    maxPrice !== undefined && parseUsd(maxPrice) < parseUsd(priceBounds.max) ? maxPrice : priceBounds.max;
  if (usd === undefined || price.kind === "quoted") {
    return `${name} is priced by the seller: at most $${formatUsd(parseUsd(most))} (${per}).`;
  }
  return `${name} costs $${usd} (${per}).`;
}

/** Shows what the seller asks for, and has nothing signed until somebody has said yes. */
function asking(payer: Payer, isAgreed: boolean): Payer {
  return {
    ...payer,
    // Called with offers that keep to the published price and to --max, in tokens that are known.
    async createPaymentPayload(required: PaymentRequired) {
      const offer = required.accepts.find(({ network }) => network.startsWith("eip155:"));
      const asset = offer && findAsset(offer.network, offer.asset);
      if (!offer || !asset) throw new Error("no offer is on a network that this wallet can pay on");
      const sum = `${formatAtomic(BigInt(offer.amount), asset.decimals)} ${asset.symbol}`;
      const what = `${sum} on ${offer.network} to ${offer.payTo}`;
      if (isAgreed) sayNote(`Signs a payment of ${what}.`);
      else if (!(await confirmed(`Pay ${what}?`))) throw new Declined();
      return payer.createPaymentPayload({ ...required, accepts: [offer] });
    },
  };
}
