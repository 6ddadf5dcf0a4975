import type { FacilitatorClient } from "@x402/core/server";
import type { PaymentPayload, PaymentRequirements, SettleResponse, VerifyResponse } from "@x402/core/types";
import type { HttpHandler, HttpReply } from "./http-endpoint.ts";

/** One settlement that a scripted facilitator was asked for. */
export interface SettleRequest {
  readonly payment: PaymentPayload;
  readonly requirements: PaymentRequirements;
  /** How often this payment has been submitted, this time included. */
  readonly times: number;
  /** Whether the money of this payment has moved already. */
  readonly moved: boolean;
}

/** What a scripted facilitator does with one settlement. */
export interface SettleAct {
  /** Whether the money moves: before the reply, so many milliseconds after it, or never. */
  readonly moves: boolean | { readonly afterMs: number };
  /** The HTTP reply. `honest` is what a truthful facilitator would reply; `undefined` where it did not move the money. */
  reply(honest: SettleResponse | undefined): HttpReply | Promise<HttpReply>;
}

/** One verification that a scripted facilitator was asked for. */
export interface VerifyRequest {
  readonly payment: PaymentPayload;
  readonly requirements: PaymentRequirements;
}

/** How a scripted facilitator replies. */
export interface FacilitatorScript {
  /** @default settles truthfully */
  settle?(request: SettleRequest): SettleAct | undefined;
  /** Changes the reply to a verification. @default the verdict, unchanged */
  verify?(request: VerifyRequest, verdict: VerifyResponse): HttpReply | undefined;
}

/** A facilitator over HTTP that moves money and replies as its script says. */
export interface ScriptedFacilitator {
  /** May be replaced at any time. */
  script: FacilitatorScript;
  /** For {@link listenWith} and {@link fetchFrom}. */
  readonly handler: HttpHandler;
  /** Every settle request, oldest first, with what was replied. */
  readonly settlements: readonly {
    readonly nonce: string;
    readonly at: number;
    /** Whether the money had moved when the reply was sent. */
    moved: boolean;
    reply: HttpReply | undefined;
  }[];
  /** Nonces of payments whose verification was answered with `isValid: true`. */
  readonly verified: ReadonlySet<string>;
}

/**
 * A facilitator for attacks at HTTP level. It checks every payment truthfully (with the facilitator that it wraps) and moves
 * the money or not, as the script says; the reply is another matter. Without a script it is a truthful facilitator.
 */
export function scriptedFacilitator(
  facilitator: FacilitatorClient,
  script: FacilitatorScript = {},
): ScriptedFacilitator {
  const settlements: ScriptedFacilitator["settlements"][number][] = [];
  const verified = new Set<string>();
  const moved = new Set<string>();
  const times = new Map<string, number>();

  async function move(
    nonce: string,
    payment: PaymentPayload,
    requirements: PaymentRequirements,
  ): Promise<SettleResponse> {
    const response = await facilitator.settle(payment, requirements);
    if (response.success) moved.add(nonce);
    return response;
  }

  async function settle(payment: PaymentPayload, requirements: PaymentRequirements): Promise<HttpReply> {
    const nonce = nonceOf(payment);
    const count = (times.get(nonce) ?? 0) + 1;
    times.set(nonce, count);
    const request = { payment, requirements, times: count, moved: moved.has(nonce) };
    const act = scripted.script.settle?.(request) ?? TRUTHFUL;
    const entry: (typeof settlements)[number] = { nonce, at: Date.now(), moved: false, reply: undefined };
    settlements.push(entry);
    const honest = act.moves === true ? await move(nonce, payment, requirements) : undefined;
    if (typeof act.moves === "object")
      setTimeout(() => void move(nonce, payment, requirements).catch(() => {}), act.moves.afterMs);
    const reply = await act.reply(honest);
    entry.moved = moved.has(nonce);
    entry.reply = reply;
    return reply;
  }

  async function verify(payment: PaymentPayload, requirements: PaymentRequirements): Promise<HttpReply> {
    const verdict = await facilitator.verify(payment, requirements);
    const reply = scripted.script.verify?.({ payment, requirements }, verdict) ?? jsonReply(verdict);
    if (typeof reply !== "string" && /"isValid":\s*true/.test(reply.body)) verified.add(nonceOf(payment));
    return reply;
  }

  const scripted: ScriptedFacilitator = {
    script,
    settlements,
    verified,
    async handler({ path, body }) {
      if (path.endsWith("/supported")) return jsonReply(await facilitator.getSupported());
      const { paymentPayload, paymentRequirements } = JSON.parse(body) as {
        paymentPayload: PaymentPayload;
        paymentRequirements: PaymentRequirements;
      };
      if (path.endsWith("/verify")) return verify(paymentPayload, paymentRequirements);
      if (path.endsWith("/settle")) return settle(paymentPayload, paymentRequirements);
      return { status: 404, body: "" };
    },
  };
  return scripted;
}

const TRUTHFUL: SettleAct = { moves: true, reply: (honest) => jsonReply(honest) };

/** A JSON response of a facilitator. */
export function jsonReply(document: unknown, status = 200): HttpReply {
  return {
    status,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(document) ?? "",
  };
}

function nonceOf({ payload }: PaymentPayload): string {
  return String((payload.authorization as { nonce?: unknown } | undefined)?.nonce ?? "");
}
