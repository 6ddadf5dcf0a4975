import { formatUsd, isUsd, parseUsd, type Usd } from "../../schema/money.ts";
import type { ApiModel } from "../model.ts";
import { type CommandContext, CommandError } from "./command.ts";
import { readSource, type SourceOptions } from "./source.ts";

/** An API that can be called. */
export interface Seller {
  readonly model: ApiModel;
  readonly baseUrl: string;
}

/** How a command is told where the API answers, when its source does not say so. */
export const BASE_URL_OPTION = [
  "-u, --base-url <url>",
  "where the API answers (default: as its document says)",
] as const;

export const RESOURCE_HOST_OPTION = [
  "--resource-host <host...>",
  "other hosts, with ports, by which a seller behind a proxy names itself in its challenges",
] as const;

/** Reads what an API sells, and where. @throws CommandError */
export async function readSeller(
  named: string | undefined,
  baseUrl: string | undefined,
  context: CommandContext,
  options: SourceOptions = {},
): Promise<Seller> {
  if (baseUrl !== undefined && !(URL.canParse(baseUrl) && /^https?:\/\/./i.test(baseUrl))) {
    throw new CommandError(
      `--base-url "${baseUrl}" is not a valid URL. Example: --base-url https://api.example.com`,
      2,
    );
  }
  const source = await readSource(named, context, options);
  const stated = source.model.servers.map(({ url }) => url).find((url) => /^https?:\/\/[^{}]+$/i.test(url));
  const place = baseUrl ?? source.baseUrl ?? stated;
  if (place !== undefined) return { model: source.model, baseUrl: place };
  throw new CommandError(
    `${source.model.source} does not say where the API answers. Add --base-url https://api.example.com`,
    2,
  );
}

/** Parses the amount of a flag. @throws CommandError */
export function usdOf(flag: string, text: string): Usd {
  const amount = text.replace(/^\$/, "");
  if (isUsd(amount)) return formatUsd(parseUsd(amount)) as Usd;
  throw new CommandError(
    `${flag} "${text}" is not a valid amount. Write US dollars as a decimal: ${flag} 0.50`,
    2,
  );
}
