import type { PurchaseEnd } from "./calls.ts";
import { make, shownText } from "./nodes.ts";

/** The response to a call, explained. */

const CHAINS: Partial<Record<string, string>> = {
  1: "Ethereum",
  10: "Optimism",
  137: "Polygon",
  8453: "Base",
  42161: "Arbitrum",
  43114: "Avalanche",
  84532: "Base Sepolia",
};

/** What may stand in an offer of either x402 version; a server can send anything. */
interface ShownOffer {
  readonly amount?: string;
  readonly maxAmountRequired?: string;
  readonly network?: string;
  readonly payTo?: string;
  readonly asset?: string;
  readonly scheme?: string;
  readonly maxTimeoutSeconds?: number;
  readonly extra?: {
    readonly pricing?: { readonly amount: string; readonly currency: string; readonly description?: string };
    readonly refundPolicy?: string;
    readonly name?: string;
  } | null;
}

/** What may stand in a problem document. */
interface ShownProblem {
  readonly accepts?: unknown;
  readonly code?: string;
  readonly detail?: string;
  readonly error?: string;
  readonly paymentState?: string;
  readonly details?: unknown;
}

/** A row of a table: what it is, its value (no row without one), and its class. */
type Row = readonly [name: string, value: unknown, style?: string];

export function explained({ status, headers }: Response, body: string): readonly HTMLElement[] {
  const document: ShownProblem | undefined = parsed(body);
  if (status === 402) {
    const challenge = challengeIn(headers) ?? document;
    const offers: readonly ShownOffer[] = Array.isArray(challenge?.accepts) ? challenge.accepts : [];
    const caption = (at: number): string =>
      offers.length > 1 ? `Offer ${at + 1} of ${offers.length}` : "What the 402 asks for";
    return [
      ...offers.map((offer, at) => table(caption(at), offerRows(offer))),
      raw("The challenge as JSON", challenge ?? body),
    ];
  }
  if (status >= 400 && document) {
    const { code, detail, error, paymentState } = document;
    const details: readonly { path: string; message: string }[] = Array.isArray(document.details)
      ? document.details
      : [];
    const fields = details.map(({ path, message }): Row => [path || "input", message]);
    return [
      table("The problem", [
        ["Code", code],
        ["Detail", detail ?? error],
        ["Payment", paymentState],
      ]),
      ...(fields.length > 0 ? [table("What is wrong, field by field", fields)] : []),
      raw("The problem as JSON", document),
    ];
  }
  return [block(status === 202 ? "The job" : "The output", document ?? body)];
}

function parsed(json: string): ShownProblem | undefined {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function challengeIn(headers: Headers): ShownProblem | undefined {
  try {
    const bytes = Uint8Array.from(atob(headers.get("payment-required") ?? ""), (char) => char.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function offerRows(offer: ShownOffer): readonly Row[] {
  const { amount, maxAmountRequired, network, payTo, asset, scheme, maxTimeoutSeconds, extra } = offer;
  const { pricing, refundPolicy, name } = extra ?? {};
  const atomic = `${amount ?? maxAmountRequired} of the token's smallest units`;
  return [
    ["Amount", pricing ? `${pricing.amount} ${pricing.currency}` : atomic, "amount"],
    ["For", pricing?.description],
    ["Network", chainName(network)],
    ["Pay to", payTo],
    ["Token", name ? `${name}, ${asset}` : asset],
    ["Scheme", scheme],
    ["Valid for", maxTimeoutSeconds === undefined ? undefined : secondsText(maxTimeoutSeconds)],
    ["Refunds", refundPolicy],
  ];
}

function chainName(network: string | undefined): string | undefined {
  const known = CHAINS[/^eip155:(\d+)$/.exec(network ?? "")?.[1] ?? ""];
  return known ? `${known} (${network})` : network;
}

function secondsText(seconds: number): string {
  const words = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`;
  return seconds >= 120 && seconds % 60 === 0 ? words(seconds / 60, "minute") : words(seconds, "second");
}

/** A signed payment is not always settled: a call that fails may cost nothing. */
export function wasPaid({ charged, receipt }: PurchaseEnd): boolean {
  if (charged === undefined) return receipt !== undefined;
  return charged === true || charged === "yes" || charged === "refunded";
}

export function purchase(end: PurchaseEnd): readonly HTMLElement[] {
  const { output, usd, receipt, jobId, code, charged } = end;
  const rows: readonly Row[] = [
    [wasPaid(end) ? "Paid" : "Signed for", usd === undefined ? undefined : `$${usd}`, "amount"],
    ["Charged", typeof charged === "boolean" ? (charged ? "yes" : "no") : charged],
    ["Code", code],
    ["Job", jobId],
    ["Transaction", receipt?.transaction],
    ["Network", chainName(receipt?.network)],
  ];
  return [
    ...(rows.some(([, value]) => value !== undefined) ? [table("The purchase", rows)] : []),
    ...(output === undefined ? [] : [block("The output", output)]),
    raw("All of it as JSON", end),
  ];
}

function table(caption: string, rows: readonly Row[]): HTMLElement {
  const lines = rows
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value, style]) =>
      make("tr", {}, make("th", { scope: "row" }, name), make("td", { class: style }, String(value))),
    );
  const body = make("tbody", {}, ...lines);
  return make("div", { class: "scroll" }, make("table", {}, make("caption", {}, caption), body));
}

function raw(title: string, value: unknown): HTMLElement {
  return make("details", {}, make("summary", {}, title), listing(value));
}

function block(title: string, value: unknown): HTMLElement {
  const copy = make("button", { type: "button", class: "copy" }, "Copy");
  const bar = make("div", { class: "bar" }, make("span", {}, title), copy);
  return make("div", { class: "code" }, bar, listing(value));
}

function listing(value: unknown): HTMLElement {
  return make("pre", { tabindex: 0 }, make("code", {}, shownText(value)));
}
