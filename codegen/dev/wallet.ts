import { evmPayer } from "../../src/client/evm.ts";
import { type ClientEvent, connect, isResourceError } from "../../src/client/index.ts";
import type { EvmAccount } from "../../src/protocol/transfer.ts";
import { callDefinition } from "../call-definition.ts";
import type { ApiModel } from "../model.ts";

/** What came of a purchase. */
export interface Bought {
  readonly output?: unknown;
  /** What was signed for: US dollars as a decimal. */
  readonly usd?: string;
  readonly receipt?: unknown;
  readonly jobId?: string;
  /** Present when it failed; then `code` names the failure, and `charged` says what became of the money. */
  readonly error?: string;
  readonly code?: string;
  readonly charged?: string;
}

/** How far a job is. */
export interface PurchaseProgress {
  /** Percent. */
  readonly progress: number;
  readonly message?: string | undefined;
}

export interface WalletOptions {
  /** Where the API is served. */
  readonly baseUrl: string;
  readonly account: EvmAccount;
  /** Stops waiting. A payment that was sent is not undone. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PurchaseProgress) => void;
}

/** Buys as the generated client does: pays, and waits if it is a job. Never throws. */
export async function buy(
  { baseUrl, account, signal, onProgress }: WalletOptions,
  model: ApiModel,
  name: string,
  input: object,
): Promise<Bought> {
  const resource = model.resources.find((one) => one.name === name);
  if (resource === undefined) return { error: `There is no resource "${name}".`, code: "not_found" };
  const seen: { usd?: string; receipt?: unknown; jobId?: string } = {};
  const note = (event: ClientEvent): void => {
    if (event.type === "signed") seen.usd = event.usd;
    if (event.type === "settled") seen.receipt = event.receipt;
    if (event.type === "accepted") seen.jobId = event.jobId;
    if (event.type !== "progress") return;
    const { progress, message } = event.update;
    onProgress({ progress, message });
  };
  const connection = connect({ baseUrl, payer: evmPayer(account), onEvent: note });
  const definition = callDefinition(resource);
  try {
    if (resource.job === undefined) {
      const output = await connection.resource(definition)(input, { signal });
      return { output, ...seen };
    }
    const job = await connection.jobResource(definition).start(input, { signal });
    const output = await job.result({ signal });
    // Some jobs are charged when they are done.
    return { output, ...seen, ...(job.receipt === undefined ? {} : { receipt: job.receipt }) };
  } catch (error) {
    if (!isResourceError(error)) return { error: String(error), ...seen };
    const { message, code, failure, charged } = error;
    return { error: message, code: failure ?? code, charged, ...seen };
  }
}
