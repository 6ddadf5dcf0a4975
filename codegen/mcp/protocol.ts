import {
  Server,
  type Transport,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/server/validators/ajv";
import { isRecord } from "../../src/protocol/index.ts";
import { type Buyer, errorResult } from "./buyer.ts";
import { restored } from "./names.ts";
import { ownTools } from "./own-tools.ts";
import { createToolProgress } from "./progress.ts";
import { META, type ObjectSchema, type Tool, type ToolCall, type ToolResult } from "./tool.ts";

/** What is served: the same tools, buyer and budget in every session. */
export interface McpOffer {
  /** How the server names itself to clients. */
  readonly name: string;
  readonly version: string;
  /** The server's instructions to a model. */
  readonly instructions: string;
  readonly tools: readonly Tool[];
  readonly buyer: Buyer;
  /** What is wrong with the names of the fields that a tool is given: its schema may let through what its seller drops. */
  readonly misnamed: (tool: string, names: readonly string[]) => string | undefined;
  /** US dollars. */
  readonly budget: { readonly total: string; readonly perCall?: string | undefined };
}

/** A connection with one client. */
export interface Session {
  /** Ends the waits of the client; jobs go on. */
  close(): Promise<void>;
}

/** Serves over standard input and output, which nothing else may write to. `onEnd` is called when the client has gone. */
export function serveStdio(offer: McpOffer, onEnd: () => void): Promise<Session> {
  return open(offer, new StdioServerTransport(), onEnd);
}

/** A session over streamable HTTP, for all requests that carry its id. */
export interface HttpSession extends Session {
  handle(request: Request): Promise<Response>;
}

/** Opens a session for a request that carries no id yet; `onOpen` is told the id, `onEnd` that it has ended. */
export async function openHttp(
  offer: McpOffer,
  { onOpen, onEnd }: { readonly onOpen: (id: string) => void; readonly onEnd: () => void },
): Promise<HttpSession> {
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: () => crypto.randomUUID(),
    onsessioninitialized: onOpen,
  });
  const session = await open(offer, transport, onEnd);
  return { ...session, handle: (request) => transport.handleRequest(request) };
}

async function open(offer: McpOffer, transport: Transport, onEnd: () => void): Promise<Session> {
  const { name, version, instructions, tools, buyer, misnamed, budget } = offer;
  let hasEnded = false;
  const server = new Server({ name, version }, { capabilities: { tools: {} }, instructions });
  const offered: Offered[] = [
    ...tools.map((tool) => ({ ...tool, run: (call: ToolCall) => bought(tool, call) })),
    ...ownTools(buyer, tools, budget),
  ].map((tool) => ({ ...tool, problemOf: checked(tool.inputSchema, "input") }));
  const byName = new Map(offered.map((tool) => [tool.name, tool]));
  const problemsOf = new Map(
    tools.map((tool) => [tool.name, tool.outputSchema && checked(tool.outputSchema, "output")]),
  );

  /** A result that was paid for is never an error because it differs from its schema: `_meta` warns of it. */
  async function bought(tool: Tool, call: ToolCall): Promise<ToolResult> {
    const { structuredContent, ...result } = await buyer.call(tool, call);
    if (structuredContent === undefined) return result;
    const problem = problemsOf.get(tool.name)?.(structuredContent);
    if (problem === undefined) return { ...result, structuredContent };
    const warning = `The result differs from the schema of its seller: ${problem}`;
    return { ...result, structuredContent, _meta: { ...result._meta, [META.warning]: warning } };
  }

  server.setRequestHandler("tools/list", () => ({ tools: offered.map(described) }));
  server.setRequestHandler("tools/call", async ({ params }, { mcpReq }) => {
    const tool = byName.get(params.name);
    if (!tool) return { ...errorResult(`There is no tool "${params.name}".`, {}) };
    const given = params.arguments ?? {};
    const input = restored(given, tool.names ?? {});
    const problem = misnamed(tool.name, Object.keys(input)) ?? tool.problemOf(given);
    if (problem !== undefined) {
      const text = `The input of ${tool.name} is not valid: ${problem}\nNothing was charged.`;
      return { ...errorResult(text, { [META.code]: "invalid_input", [META.charged]: "no" }) };
    }
    const meta = params._meta ?? {};
    const idempotencyKey = meta[META.idempotencyKey];
    const { progressToken } = meta;
    const progress =
      progressToken === undefined
        ? undefined
        : createToolProgress((progress, message) => {
            const params = { progressToken, progress, total: 100, message };
            // Who has gone needs no progress.
            mcpReq.notify({ method: "notifications/progress", params }).catch(() => {});
          });
    try {
      const result = await tool.run({
        input,
        signal: mcpReq.signal,
        idempotencyKey: typeof idempotencyKey === "string" ? idempotencyKey : undefined,
        // A client whose patience is over, or whose connection is, may come back for what was paid.
        isUnwanted: () => !hasEnded && !/time(d)?[ -]?out/i.test(String(mcpReq.signal.reason)),
        onProgress: progress?.tell,
      });
      return { ...result };
    } finally {
      progress?.end();
    }
  });

  // Before the SDK aborts what is still being waited for.
  transport.onclose = () => {
    hasEnded = true;
    onEnd();
  };
  await server.connect(transport);
  return { close: () => server.close() };
}

interface Offered extends Pick<Tool, "name" | "title" | "description" | "inputSchema" | "isReadOnly"> {
  readonly names?: Tool["names"];
  readonly outputSchema?: ObjectSchema;
  readonly problemOf: (value: unknown) => string | undefined;
  run(call: ToolCall): Promise<ToolResult> | ToolResult;
}

function described(
  tool: Pick<Tool, "name" | "title" | "description" | "inputSchema" | "outputSchema" | "isReadOnly">,
) {
  const { name, title, description, inputSchema, outputSchema, isReadOnly } = tool;
  return {
    ...{ name, title, description, inputSchema: { ...inputSchema } },
    ...(outputSchema === undefined ? {} : { outputSchema: loose(outputSchema) }),
    annotations: { title, readOnlyHint: isReadOnly, destructiveHint: false, openWorldHint: true },
  };
}

/**
 * An output schema that every result passes: clients throw a result away that breaks its schema, and it has been paid for.
 * The members keep their descriptions.
 */
function loose({ description, properties }: ObjectSchema): ObjectSchema {
  const members = Object.entries((properties ?? {}) as Readonly<Record<string, unknown>>).map(
    ([name, member]) => {
      const about = isRecord(member) && typeof member.description === "string" ? member.description : "";
      const type = isRecord(member) && typeof member.type === "string" ? member.type : "";
      return [name, { description: [about, type === "" ? "" : `(${type})`].filter(Boolean).join(" ") }];
    },
  );
  return {
    type: "object",
    ...(description === undefined ? {} : { description }),
    properties: Object.fromEntries(members),
  };
}

/** Says what is wrong with a value. A schema that cannot be compiled holds for everything: the seller checks as well. */
function checked(schema: ObjectSchema, part: "input" | "output"): (value: unknown) => string | undefined {
  try {
    const validate = validator.getValidator(schema);
    return (value) => validate(value).errorMessage?.replace(/\bdata(?=[ /])/g, part);
  } catch {
    return () => undefined;
  }
}

const validator = new AjvJsonSchemaValidator();
