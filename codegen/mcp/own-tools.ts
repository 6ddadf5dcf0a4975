import { type Buyer, RESUME } from "./buyer.ts";
import type { ObjectSchema, Tool, ToolCall, ToolResult } from "./tool.ts";

/** What an agent is offered beside the API: free of charge. */
export interface OwnTool extends Pick<Tool, "name" | "title" | "description" | "inputSchema" | "isReadOnly"> {
  readonly run: (call: ToolCall) => Promise<ToolResult>;
}

/** The most payments that are listed; the newest. */
const LISTED = 50;

export function ownTools(
  buyer: Buyer,
  tools: readonly Tool[],
  budget: { readonly total: string; readonly perCall?: string | undefined },
): readonly OwnTool[] {
  return [
    {
      name: "resource402_spending",
      title: "Spending",
      description:
        "What this server has paid for its tools so far, what is left of its budget, and which calls were paid for " +
        "and have not been answered. Free of charge.",
      inputSchema: { type: "object", properties: {} },
      isReadOnly: true,
      async run() {
        const payments = buyer.payments();
        const open = (await buyer.pending()).map(({ resource, idempotencyKey, usd, createdAt, jobId }) => ({
          ...{ tool: resource, idempotencyKey, usd, createdAt, jobId },
        }));
        const spending = {
          budgetUsd: budget.total,
          leftUsd: await buyer.left(),
          perCallUsd: budget.perCall,
          paymentCount: payments.length,
          payments: payments.slice(-LISTED),
          open,
        };
        return { content: [{ type: "text", text: JSON.stringify(spending) }], _meta: {} };
      },
    },
    {
      name: RESUME,
      title: "Resume a paid call",
      description:
        "Brings a call to its end that was paid for and whose answer was lost or not waited for, and returns its " +
        "result. It is not paid again. Free of charge.",
      inputSchema: RESUME_INPUT,
      isReadOnly: false,
      async run(call) {
        const idempotencyKey = String(call.input.idempotencyKey);
        const paid = (await buyer.pending()).find((one) => one.idempotencyKey === idempotencyKey);
        const tool = tools.find(({ call }) => call.name === paid?.resource);
        return buyer.resume(tool, { ...call, idempotencyKey });
      },
    },
  ];
}

const RESUME_INPUT: ObjectSchema = {
  type: "object",
  properties: {
    idempotencyKey: {
      type: "string",
      description: "As the error, or the tool resource402_spending under `open`, has named it.",
    },
  },
  required: ["idempotencyKey"],
};
