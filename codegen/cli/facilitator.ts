import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Endpoint, endpointsOf, type FacilitatorOption, isHttp } from "../../src/ledger/endpoint.ts";
import { CommandError } from "./command.ts";

/** How a command is told which facilitator settles. */
export const FACILITATOR_OPTION = [
  "-f, --facilitator <url|file>",
  "the facilitator that settles the transfers: its URL, or a module whose default export is that of payments.facilitator",
] as const;

/**
 * The facilitators that the flag names. A module can hold what a URL cannot: credentials (`{ url, createAuthHeaders }`, as
 * the package of a hosted facilitator gives it), a client, or a list.
 * @throws CommandError when it is neither a URL nor such a module
 */
export async function endpointsFromFlag(flag: string): Promise<Endpoint[]> {
  if (isHttp(flag)) return endpointsOf(flag);
  if (!/\.[cm]?[jt]s$/.test(flag)) {
    throw new CommandError(
      `--facilitator "${flag}" is not a valid URL. Example: --facilitator https://facilitator.example.com, or ` +
        "--facilitator ./facilitator.ts for one with credentials",
      2,
    );
  }
  try {
    const module = (await import(pathToFileURL(resolve(flag)).href)) as { default?: FacilitatorOption };
    if (module.default === undefined) throw new Error("it has no default export");
    return endpointsOf(module.default);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`--facilitator "${flag}" cannot be used: ${why}`, 2, { cause });
  }
}
