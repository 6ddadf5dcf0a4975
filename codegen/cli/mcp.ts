import { evmPayer } from "../../src/client/evm.ts";
import type { ClientOptions } from "../../src/client/options.ts";
import type { BearerCheck } from "../../src/telemetry/bearer.ts";
import { emitTools } from "../emit/tools.ts";
import { createBuyer } from "../mcp/buyer.ts";
import { ownTools } from "../mcp/own-tools.ts";
import type { McpOffer } from "../mcp/protocol.ts";
import { unknownFields } from "./call-input.ts";
import { type CommandContext, CommandError } from "./command.ts";
import { headersFromFlags, missingHeaders } from "./header-flags.ts";
import { counted, sayNote } from "./say.ts";
import { readSeller, usdOf } from "./seller.ts";
import { WALLET_FIX, walletFromEnvironment } from "./wallet.ts";

export interface McpOptions {
  /** The API to serve: a definition, a document or a URL. */
  readonly source: string | undefined;
  readonly baseUrl?: string;
  /** True for the default port. */
  readonly http?: string | true;
  readonly host: string;
  /** Host names to accept besides those of this machine. */
  readonly allowHost?: readonly string[];
  /** Bearer token for callers over HTTP. */
  readonly token?: string;
  readonly maxPerCall?: string;
  readonly budget: string;
  readonly calls?: string;
  /** `Name: value` of request headers. */
  readonly header?: readonly string[];
  /** Other hosts by which the seller may name itself. */
  readonly resourceHost?: readonly string[];
}

const PORT = 4402;
/** Environment variable for the token. Unlike `--token`, other users of this machine cannot see it. */
const TOKEN = "RESOURCE402_MCP_TOKEN";

/** Serves an API's resources as tools until the client disconnects or the user stops it. Returns the exit code. */
export async function serveMcp(options: McpOptions, context: CommandContext): Promise<number> {
  const total = usdOf("--budget", options.budget);
  const perCall = options.maxPerCall === undefined ? undefined : usdOf("--max-per-call", options.maxPerCall);
  const port = portOf(options.http);
  const bearer = await bearerOf(options, port);
  const account = await walletFromEnvironment();
  const headers = headersFromFlags(options.header);
  const { model, baseUrl } = await readSeller(options.source, options.baseUrl, context);
  const lacking = missingHeaders(model, headers);
  if (lacking !== undefined) throw new CommandError(lacking, 2);
  const tools = emitTools(model);
  const budget = { total, ...(perCall === undefined ? {} : { perCall }) };
  const client: Omit<ClientOptions, "onEvent"> = {
    baseUrl,
    budget,
    headers,
    resourceHosts: options.resourceHost ?? [],
    ...(account === undefined ? {} : { payer: evmPayer(account) }),
    ...(options.calls === undefined ? {} : { calls: await savedIn(options.calls) }),
  };
  const buyer = createBuyer({
    client,
    fixes: {
      noPayer: `The operator of this server can fix this. ${WALLET_FIX}`,
      overCeiling: "The operator of this server can raise --max-per-call.",
      noMaxPrice: "The operator of this server can set --max-per-call.",
      overBudget: "The operator of this server can restart it with a higher --budget.",
    },
  });
  const offer: McpOffer = {
    name: model.title,
    version: model.version,
    instructions: instructionsOf(model.title, model.description, total),
    tools,
    buyer,
    misnamed(tool, names) {
      const called = tools.find(({ name }) => name === tool)?.call.name;
      const resource = model.resources.find(({ name }) => name === called);
      return resource && unknownFields(model, resource, names);
    },
    budget,
  };
  const own = ownTools(buyer, tools, budget).map(({ name }) => name);
  const limits = `at most $${total} in all${perCall === undefined ? "" : `, $${perCall} a call`}`;
  const purse =
    account === undefined
      ? `No wallet: agents can call only free tools. ${WALLET_FIX}`
      : `${account.address} pays ${limits}.`;
  const open =
    port === undefined || bearer !== undefined || account === undefined
      ? ""
      : ` Every process on this machine can call them. Set ${TOKEN} to require a bearer token.`;
  const introduce = (where: string): void =>
    sayNote(
      `${model.title} at ${baseUrl}: ${counted(tools.length + own.length, "tool")} (${own.join(" and ")} among them) over ${where}. ${purse}${open}`,
    );
  const interrupted = context.interruption();
  const stopped = new Promise<void>((stop) => {
    interrupted.addEventListener("abort", () => stop(), { once: true });
  });
  if (port === undefined) {
    introduce("standard input and output");
    return overStdio(offer, stopped);
  }
  return overHttp(offer, port, bearer, options, introduce, stopped);
}

async function overStdio(offer: McpOffer, stopped: Promise<void>): Promise<number> {
  const { serveStdio } = await import("../mcp/protocol.ts");
  let leave = (): void => {};
  const gone = new Promise<void>((end) => {
    leave = end;
  });
  const session = await serveStdio(offer, leave);
  await Promise.race([gone, stopped]);
  await session.close();
  // An open standard input would keep the process running.
  process.stdin.destroy();
  return 0;
}

async function overHttp(
  offer: McpOffer,
  port: number,
  bearer: BearerCheck | undefined,
  { host, allowHost = [] }: McpOptions,
  introduce: (where: string) => void,
  stopped: Promise<void>,
): Promise<number> {
  const [{ openHttp }, { createMcpHttp, MCP_PATH }, { listen }] = await Promise.all([
    import("../mcp/protocol.ts"),
    import("../mcp/http.ts"),
    import("../../src/runtime/index.ts"),
  ]);
  const hosts = isEverywhere(host) ? allowHost : [...allowHost, host];
  const http = createMcpHttp({
    hosts,
    ...(bearer === undefined ? {} : { admits: bearer.admits }),
    open: (events) => openHttp(offer, events),
  });
  const listening = await listen(http, { port, hostname: host, signals: false }).catch((error: unknown) => {
    throw new CommandError(error instanceof Error ? error.message : String(error));
  });
  introduce(`${listening.url}${MCP_PATH}`);
  await stopped;
  await listening.close(1_000);
  return 0;
}

function portOf(http: string | true | undefined): number | undefined {
  if (http === undefined) return undefined;
  const port = http === true ? PORT : Number(http);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new CommandError(
    `--http "${http}" is not a valid port. Write a number from 0 to 65535 (0 picks a free one).`,
    2,
  );
}

/**
 * The bearer token that callers over HTTP must send. Without one, only processes on this machine can call.
 * @throws CommandError when the token is too short, or missing although other machines can connect
 */
async function bearerOf(
  { host, token: named }: McpOptions,
  port: number | undefined,
): Promise<BearerCheck | undefined> {
  if (port === undefined) {
    if (named === undefined) return undefined;
    throw new CommandError("--token applies to HTTP only. Add --http, or remove --token.", 2);
  }
  // An empty variable counts as not set. An empty flag is a mistake.
  const token = named ?? (process.env[TOKEN] || undefined);
  if (token === undefined) {
    if (isLoopback(host)) return undefined;
    throw new CommandError(
      `Anyone who can reach ${host} could call these tools and spend from the wallet. ${TOKEN_FIX}, or remove --host.`,
      2,
    );
  }
  if (!/^[\x21-\x7e]{16,}$/.test(token)) {
    throw new CommandError(`The token must have at least 16 characters and no spaces. ${TOKEN_FIX}.`, 2);
  }
  const { createBearerCheck } = await import("../../src/telemetry/bearer.ts");
  return createBearerCheck(token, TOKEN);
}

const TOKEN_FIX = `Make one with \`openssl rand -hex 24\`, and set ${TOKEN} to it`;

async function savedIn(folder: string) {
  const { fileCalls } = await import("../../src/runtime/calls.ts");
  return fileCalls(folder);
}

function isEverywhere(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Characters of an API's description: clients cut long instructions off, and the rest is more important. */
const MAX_ABOUT = 600;

function instructionsOf(title: string, description: string, total: string): string {
  return (
    `${title}: ${description.slice(0, MAX_ABOUT)} Each paid tool states its price. This server pays each call in US dollars of ` +
    `stablecoin, and all calls together cost at most $${total}. Invalid input costs nothing. ` +
    "resource402_spending reports the amount spent."
  );
}
