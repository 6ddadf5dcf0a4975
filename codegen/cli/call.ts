import { formatAtomic, formatUsd, parseUsd, type Usd } from "../../schema/money.ts";
import type { SavedCall } from "../../src/client/calls.ts";
import { connect } from "../../src/client/connect.ts";
import { quote, requestOf } from "../../src/client/definition.ts";
import { isResourceError } from "../../src/client/errors.ts";
import { evmPayer } from "../../src/client/evm.ts";
import { missingHeader } from "../../src/client/headers.ts";
import type { Job } from "../../src/client/job.ts";
import type { ClientEvent } from "../../src/client/options.ts";
import type { Payer } from "../../src/client/pay.ts";
import {
  findAsset,
  type PaymentRequired,
  type PaymentRequirements,
  type Receipt,
} from "../../src/protocol/index.ts";
import { type CallModel, callDefinition } from "../call-definition.ts";
import { didYouMean } from "../mistake.ts";
import { type ApiModel, isJob, type ResourceModel } from "../model.ts";
import { confirmed, needSomebody } from "./ask.ts";
import { isShort, shortText } from "./call-funds.ts";
import { type CallFlags, readCallInput } from "./call-input.ts";
import {
  checkOutput,
  commandLine,
  Declined,
  drawProgress,
  printOutcome,
  sayFailure,
  sayStopped,
} from "./call-outcome.ts";
import { type CommandContext, CommandError, Interrupted } from "./command.ts";
import { headersFromFlags } from "./header-flags.ts";
import { idOf, keptCalls, savedAt } from "./saved-calls.ts";
import { sayNote, sayProgress } from "./say.ts";
import { readSeller, usdOf } from "./seller.ts";
import { walletFromEnvironment } from "./wallet.ts";

/** Calls a resource, pays, waits for the result, and prints the outcome. Returns the exit code. */
export async function callResource(name: string, flags: CallFlags, context: CommandContext): Promise<number> {
  const most = flags.max ?? flags.maxPrice;
  const maxPrice =
    most === undefined ? undefined : usdOf(flags.max === undefined ? "--max-price" : "--max", most);
  const headers = headersFromFlags(flags.header);
  if (flags.output !== undefined) await checkOutput(flags.output);
  const account = await walletFromEnvironment();
  const options = maxPrice === undefined ? {} : { maxPrice };
  const { model, ...seller } = await readSeller(flags.from, flags.baseUrl, context);
  const baseUrl = seller.baseUrl.replace(/\/+$/, "");
  const resource = resourceOf(model, name);
  const definition = callDefinition(resource);
  const lacking = missingHeader(definition, headers);
  if (lacking !== undefined) {
    const fix = `Add --header '${lacking}: …'`;
    throw new CommandError(`${resource.name} needs the request header ${lacking}. ${fix}`, 2);
  }
  if (resource.price.kind === "unknown" && maxPrice === undefined && flags.resume === undefined) {
    const fix = "Say what it may cost at most: --max-price 0.10";
    throw new CommandError(`The document of ${resource.name} states no price that can be read. ${fix}`, 2);
  }
  const isResumed = flags.resume !== undefined;
  if (isResumed && !isJob(resource)) {
    throw new CommandError(`${resource.name} is synchronous: it has no jobs to resume.`, 2);
  }
  const input = isResumed ? {} : await readCallInput(flags, model, resource);
  const { calls, list } = await keptCalls(flags.calls);
  const kept = list.filter((call) => call.baseUrl === baseUrl && call.resource === definition.name);
  const isNew = flags.again || flags.idempotencyKey !== undefined;
  const open = isResumed
    ? kept.find(({ job }) => job?.jobId === flags.resume)
    : isNew
      ? undefined
      : openCall(kept, baseUrl, definition, input);

  /** The call that an earlier run signed a payment for. */
  const before = open ?? kept.find((call) => call.idempotencyKey === flags.idempotencyKey);

  if (open === undefined && !isResumed && resource.price.kind !== "free") {
    sayNote(priceText(resource, definition, input, maxPrice));
    // Without a wallet the call cannot pay. It still shows the price that the seller asks for.
    if (account !== undefined && !flags.yes) needSomebody("pay");
  }
  if (open !== undefined && !isResumed) {
    sayNote(
      `This call was paid for at ${savedAt(open)} UTC and is still open. It is resumed without paying again. ` +
        `(--again buys another; ${forgetText(open, flags)} forgets this one.)`,
    );
  }

  let signed:
    | { readonly usd: string; readonly currency: string; readonly idempotencyKey: string }
    | undefined;
  let offer: PaymentRequirements | undefined;
  let settled: Receipt | undefined;
  let job: Job<unknown> | undefined;
  const client = connect({
    baseUrl,
    calls,
    headers,
    resourceHosts: flags.resourceHost ?? [],
    onEvent(event: ClientEvent) {
      if (event.type === "challenged") offer = event.offer;
      if (event.type === "signed") signed = event;
      if (event.type === "settled") settled = event.receipt;
    },
    ...(account === undefined
      ? {}
      : { payer: confirming(evmPayer(account, rpcOf(flags)), flags.yes === true) }),
  });
  const signal = context.interruption();
  const idempotencyKey = flags.idempotencyKey ?? open?.idempotencyKey;
  const callOptions = {
    signal,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...options,
  };

  async function bought(): Promise<unknown> {
    if (!isJob(resource)) return client.resource<object, unknown>(definition)(input, callOptions);
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
    const signedUsd = (signed ?? before?.payment)?.usd ?? null;
    const outcome = {
      resource: resource.name,
      output,
      usd: receipt?.amount ?? (signedUsd === null ? "0.00" : null),
      signedUsd,
      receipt: receipt ?? null,
      jobId: job?.id ?? null,
      idempotencyKey: signed?.idempotencyKey ?? idempotencyKey ?? null,
      isText: definition.produces?.some((type) => type.startsWith("text/")) ?? false,
    };
    await printOutcome(flags, outcome, signed === undefined);
    return 0;
  } catch (error) {
    sayProgress("");
    const told = { name, flags, jobId: job?.id, key: (signed ?? before)?.idempotencyKey };
    const isStopped = signal.aborted || (error instanceof Error && error.cause instanceof Interrupted);
    if (isStopped) {
      const receipt = job?.receipt ?? settled;
      return sayStopped({ ...told, paid: paidText(receipt, signed, before), signal });
    }
    if (!isResourceError(error)) throw error;
    const short =
      account && offer && isShort(error)
        ? await shortText(error, account.address, offer, flags.rpc)
        : undefined;
    const stored = open && (await calls.find(open));
    const forget = stored && !stored.ended ? forgetText(stored, flags) : undefined;
    return await sayFailure(error, { ...told, model, resource, short, forget });
  }
}

/** The resource with that name or path. @throws CommandError, with a suggestion */
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

function rpcOf({ rpc }: CallFlags): { readonly rpcUrl?: string } {
  if (rpc === undefined) return {};
  if (URL.canParse(rpc) && /^https?:\/\/./i.test(rpc)) return { rpcUrl: rpc };
  throw new CommandError(`--rpc "${rpc}" is not a valid RPC URL. Example: --rpc https://node.example.com`, 2);
}

/** What is known about the payment of a call that was stopped. */
function paidText(
  receipt: Receipt | undefined,
  signed: { readonly usd: string; readonly currency: string } | undefined,
  open: SavedCall | undefined,
): string {
  if (receipt !== undefined) return `${receipt.amount} ${receipt.currency} was paid.`;
  const known = signed ?? open?.payment;
  if (known === undefined) return "Nothing was paid.";
  return `A payment of ${known.usd} ${known.currency} was signed. It is not known whether it was charged.`;
}

function forgetText(call: SavedCall, { calls }: CallFlags): string {
  const place = calls === undefined ? [] : ["--calls", calls];
  return `\`${commandLine(["calls", "forget", idOf(call), ...place])}\``;
}

/** The open paid call with the same request. */
function openCall(
  kept: readonly SavedCall[],
  baseUrl: string,
  definition: CallModel,
  input: object,
): SavedCall | undefined {
  try {
    const { url, body } = requestOf(baseUrl, definition, input, "");
    return kept.find(({ request }) => request?.url === url && request.body === body);
  } catch {
    // This input makes no request, so no call has it. The call itself reports the problem.
    return undefined;
  }
}

/** The price of a call, computed locally. */
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
    // The seller rejects an input without a price, and explains why.
    return `${name}: ${priceSentence}`;
  }
  const most =
    maxPrice !== undefined && parseUsd(maxPrice) < parseUsd(priceBounds.max) ? maxPrice : priceBounds.max;
  if (price.kind === "unknown") return `${name} is priced by the seller: at most $${maxPrice}.`;
  if (usd === undefined || price.kind === "quoted") {
    return `${name} is priced by the seller: at most $${formatUsd(parseUsd(most))} (${per}).`;
  }
  return `${name} costs $${usd} (${per}).`;
}

/** Shows the payment that the seller requests, and signs only after the user confirms it. */
function confirming(payer: Payer, isAgreed: boolean): Payer {
  return {
    ...payer,
    // The client passes only offers in known tokens, within the published price and --max.
    async createPaymentPayload(required: PaymentRequired) {
      const offer = required.accepts.find(({ network }) => network.startsWith("eip155:"));
      const asset = offer && findAsset(offer.network, offer.asset);
      if (!offer || !asset) throw new Error("none of the offers uses a network that this wallet supports");
      const sum = `${formatAtomic(BigInt(offer.amount), asset.decimals)} ${asset.symbol}`;
      const what = `${sum} on ${offer.network} to ${offer.payTo}`;
      if (isAgreed) sayNote(`Signing a payment of ${what}.`);
      else if (!(await confirmed(`Pay ${what}?`))) throw new Declined();
      return payer.createPaymentPayload({ ...required, accepts: [offer] });
    },
  };
}
