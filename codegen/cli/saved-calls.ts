import { homedir } from "node:os";
import { join } from "node:path";
import type { Calls, SavedCall } from "../../src/client/calls.ts";
import { CommandError } from "./command.ts";
import { diskText } from "./disk.ts";

/** How a command is told where calls are kept. */
export const CALLS_OPTION = [
  "--calls <folder>",
  "where calls that were paid for are kept (default: in the user's state folder)",
] as const;

/** Calls that were paid for and have not ended, as `call` keeps them. */
export interface KeptCalls {
  readonly calls: Calls;
  readonly list: readonly SavedCall[];
}

/** @throws CommandError when they cannot be read: one of them may hold a payment for the very call that is asked for */
export async function keptCalls(folder: string = defaultFolder()): Promise<KeptCalls> {
  const { fileCalls } = await import("../../src/runtime/calls.ts");
  const calls = fileCalls(folder);
  try {
    return { calls, list: (await calls.list()).filter(({ ended }) => !ended) };
  } catch (error) {
    throw new CommandError(`The saved calls cannot be read. ${diskText(error, folder)}`);
  }
}

/** They are kept with the user, not with a project: they hold signed payments. */
function defaultFolder(): string {
  const state = process.env.XDG_STATE_HOME || join(homedir(), ".local", "state");
  return join(state, "resource402", "calls");
}

/** By what people name a call: the job that it has become, else its idempotency key. */
export function idOf({ job, idempotencyKey }: SavedCall): string {
  return job?.jobId ?? idempotencyKey;
}

export function savedAt({ createdAt }: SavedCall): string {
  return createdAt.slice(0, 16).replace("T", " ");
}
