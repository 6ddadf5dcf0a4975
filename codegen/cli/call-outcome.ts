import { access, constants, open, readlink, realpath, rm, stat, writeFile } from "node:fs/promises";
import { dirname, isAbsolute } from "node:path";
import { styleText } from "node:util";
import type { ResourceError } from "../../src/client/errors.ts";
import type { JobUpdate } from "../../src/client/job.ts";
import type { Receipt } from "../../src/protocol/index.ts";
import type { ApiModel, ResourceModel } from "../model.ts";
import { shell } from "../print.ts";
import type { CallFlags } from "./call-input.ts";
import { fieldsText } from "./call-input.ts";
import { CommandError, type ExitCode, stopCode } from "./command.ts";
import { diskText } from "./disk.ts";
import { sayError, sayNote, sayProgress } from "./say.ts";
import { WALLET_FIX } from "./wallet.ts";

/** Thrown by the payer when nobody has said yes. */
export class Declined extends Error {}

/** What a call came to: what `--json` prints. */
export interface Outcome {
  readonly resource: string;
  readonly output: unknown;
  /** What was paid, in US dollars as a decimal. Null when something was signed, and the seller has sent no receipt. */
  readonly usd: string | null;
  /** What was signed for, in this run or before. Null when nothing was. */
  readonly signedUsd: string | null;
  /** Null for a free resource, and when the seller sends none. */
  readonly receipt: Receipt | null;
  readonly jobId: string | null;
  readonly idempotencyKey: string | null;
}

/** What is known of a call that has no output. */
interface Told {
  readonly name: string;
  readonly flags: CallFlags;
  readonly jobId: string | undefined;
  /** The idempotency key of a payment that was signed. */
  readonly key: string | undefined;
}

export function drawProgress({ progress, message, status }: JobUpdate): void {
  const filled = Math.round(progress / 5);
  const bar = `${"█".repeat(filled)}${"░".repeat(20 - filled)}`;
  sayProgress(`${bar} ${String(progress).padStart(3)} %  ${message ?? status}`);
}

/** Whether the output can be written to a file, which is left as it was. @throws CommandError */
export async function checkOutput(file: string): Promise<void> {
  try {
    const found = await stat(file).catch(absent);
    if (found === undefined) {
      const place = await placeOf(file);
      await (await open(place, "wx")).close();
      await rm(place);
    } else if (found.isFile() || found.isDirectory()) {
      await (await open(file, constants.O_WRONLY)).close();
    } else {
      // Who reads a pipe would take the end of this for the end of the output.
      await access(file, constants.W_OK);
    }
  } catch (error) {
    throw new CommandError(`The output could not be written. ${diskText(error)}`, 2);
  }
}

/** Where a file that is not there would be created: at the end of the links that lead to it. */
async function placeOf(file: string): Promise<string> {
  let place = file;
  for (let hops = 0; hops < MAX_LINKS; hops += 1) {
    const folder = await realpath(dirname(place));
    const target = await readlink(place).catch(absent);
    if (target === undefined) break;
    place = isAbsolute(target) ? target : `${folder}/${target}`;
  }
  return place;
}

/** What systems follow. */
const MAX_LINKS = 40;

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

/** The output goes to standard output or into a file, what people want to know beside it to standard error. */
export async function printOutcome(flags: CallFlags, outcome: Outcome, isResumed: boolean): Promise<void> {
  const { output, receipt, signedUsd, idempotencyKey } = outcome;
  const text = `${JSON.stringify(output, undefined, 2) ?? "null"}\n`;
  const { output: file } = flags;
  const problem =
    file === undefined
      ? undefined
      : await writeFile(file, text).then(
          () => undefined,
          (error: unknown) => diskText(error, file),
        );
  if (flags.json) console.log(JSON.stringify(outcome));
  // What was paid for is not lost for want of a folder.
  else if (file === undefined || problem !== undefined) process.stdout.write(text);
  const paid =
    receipt === null
      ? signedUsd === null
        ? "Nothing was paid."
        : `The seller has sent no receipt, and may have charged nothing. What was signed ($${signedUsd}) can be taken until it expires.`
      : `${isResumed ? "Was paid before:" : "Paid"} ${receipt.amount} ${receipt.currency} on ${receipt.network} to ${receipt.payTo}, transaction ${receipt.transaction}.`;
  sayGood(`${paid}${idempotencyKey === null ? "" : ` Key ${idempotencyKey}.`}`);
  if (problem !== undefined) throw new CommandError(`The output is printed, and not written. ${problem}`);
  if (file !== undefined) sayGood(`The output is in ${file}.`);
}

/** Somebody pressed Ctrl-C. `paid` says what was paid by then. Returns the exit code. */
export function sayStopped({
  name,
  flags,
  jobId,
  key,
  paid,
  signal,
}: Told & { readonly paid: string; readonly signal: AbortSignal }): ExitCode {
  const how =
    jobId !== undefined
      ? ` The job goes on. Come back to it, which is not paid again:\n  ${commandOf(name, flags, ["--resume", jobId])}`
      : key !== undefined
        ? ` Ask for the answer, which is not paid again:\n  ${commandOf(name, flags, ["--idempotency-key", key])}`
        : "";
  // Of a job that another process has paid for, nothing is known here.
  const isElsewhere = flags.resume !== undefined && key === undefined;
  sayError(`Stopped.${isElsewhere ? "" : ` ${paid}`}${how}`);
  if (flags.json) {
    console.log(
      JSON.stringify({ error: { code: "stopped" }, jobId: jobId ?? null, idempotencyKey: key ?? null }),
    );
  }
  return stopCode(signal);
}

/** Says what went wrong, what has become of the money, and what can be done. Returns the exit code. */
export function sayFailure(
  error: ResourceError,
  {
    name,
    flags,
    jobId,
    key,
    model,
    resource,
    short,
    forget,
  }: Told & {
    readonly model: ApiModel;
    readonly resource: ResourceModel;
    /** Why the account could not pay. */
    readonly short: string | undefined;
    /** The command that forgets the call, which is kept from an earlier run. */
    readonly forget: string | undefined;
  },
): 1 | 2 {
  const { code, reason, failure, status, charged, paymentState, issues, requestId } = error;
  const isDeclined = error.cause instanceof Declined;
  if (flags.json) {
    const facts = { code, reason, failure, status, charged, paymentState, issues, requestId };
    const { message } = error;
    const ids = { jobId: error.jobId ?? jobId ?? null, idempotencyKey: key ?? null };
    console.log(JSON.stringify({ error: { ...facts, message }, receipt: error.receipt ?? null, ...ids }));
  }
  if (isDeclined) {
    sayNote("Not paid.");
    return 1;
  }
  if (reason === "no_payer") {
    sayError(
      `${error.message.replace(/, and the client has no payer.*$/s, ", and there is no wallet")}. ${WALLET_FIX}`,
    );
    return 2;
  }
  // A seller may have said each of them in its sentence already.
  const lines = (issues ?? [])
    .filter(({ path, message }) => !(error.message.includes(path) && error.message.includes(message)))
    .map(({ path, message }) => `  ${path === "" ? "input" : path}: ${message}`);
  const request = requestId === undefined ? [] : [`Request ${requestId}`];
  const id = error.jobId ?? jobId;
  const isUnknown = code === "http" && status === 404 && id !== undefined;
  const said = isUnknown
    ? `${resource.name}: The seller knows no job ${id}, or no longer does.`
    : error.message;
  const word = failure === undefined ? "" : ` (${failure})`;
  sayError(
    [
      short ?? `${said}${word}`,
      ...lines,
      `${moneyText(error)}${resumeText(error)}`,
      ...(forget === undefined ? [] : [`If its seller will never answer, give it up: ${forget}`]),
      ...request,
    ].join("\n"),
  );
  if (code !== "invalid_input") return 1;
  console.error(fieldsText(model, resource));
  return 2;

  function resumeText({ charged, paymentState }: ResourceError): string {
    const isOpen =
      charged === "unknown" || (charged === "yes" && paymentState === "settled" && code !== "failed");
    // What its seller does not keep, nobody gets by asking again.
    const isGone = isUnknown || (code === "http" && status === 410);
    if (!isOpen || isGone) return "";
    const how = id === undefined ? ["--idempotency-key", error.idempotencyKey] : ["--resume", id];
    return ` Ask for the answer, which is not paid again:\n  ${commandOf(name, flags, how)}`;
  }
}

function moneyText({ charged, paymentState, reason }: ResourceError): string {
  if (paymentState === "refund_owed") return "It was charged, and the seller owes it back.";
  if (reason === "over_ceiling") return "Nothing was charged. A higher --max allows it.";
  switch (charged) {
    case "no":
      return "Nothing was charged.";
    case "yes":
      return "It was charged.";
    case "refunded":
      return "It was charged, and paid back.";
    default:
      return "Whether it was charged is not known yet.";
  }
}

/** The same command with another flag, as one would type it. */
function commandOf(name: string, flags: CallFlags, more: readonly string[]): string {
  const isResumed = more[0] === "--resume";
  const given: readonly (readonly [string, string | undefined])[] = [
    ["--from", flags.from],
    ["--base-url", flags.baseUrl],
    ["--calls", flags.calls],
    ["--input", isResumed ? undefined : flags.input],
    ...(isResumed ? [] : (flags.field ?? []).map((field) => ["--field", field] as const)),
  ];
  const words = given.flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
  return commandLine(["call", name, ...words, ...more]);
}

/** A command of ours as one would type it. */
export function commandLine(words: readonly string[]): string {
  const quoted = words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : shell(word)));
  return ["resource402", ...quoted].join(" ");
}

function sayGood(text: string): void {
  console.error(styleText("green", text, { stream: process.stderr }));
}
