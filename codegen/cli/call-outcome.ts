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
import { answerText, fileNameOf, printed, readWhole, serializable } from "./call-output.ts";
import { CommandError, type ExitCode, stopCode } from "./command.ts";
import { diskText } from "./disk.ts";
import { sayError, sayNote, sayProgress } from "./say.ts";
import { typed } from "./typed.ts";
import { WALLET_FIX } from "./wallet.ts";

/** Thrown by the payer when the user does not confirm the payment. */
export class Declined extends Error {}

/** The outcome of a call, as `--json` prints it. */
export interface ShownOutcome {
  readonly resource: string;
  readonly output: unknown;
  /** The amount paid, in US dollars as a decimal. Null when a payment was signed but the seller sent no receipt. */
  readonly usd: string | null;
  /** The amount of the payment signed in this run or an earlier one. Null when none was signed. */
  readonly signedUsd: string | null;
  /** Null for a free resource, or when the seller sends no receipt. */
  readonly receipt: Receipt | null;
  readonly jobId: string | null;
  readonly idempotencyKey: string | null;
}

/** What is known about a call that has no output. */
interface Told {
  readonly name: string;
  readonly flags: CallFlags;
  readonly jobId: string | undefined;
  /** The idempotency key of the signed payment. */
  readonly key: string | undefined;
}

export function drawProgress({ progress, message, status }: JobUpdate): void {
  const filled = Math.round(progress / 5);
  const bar = `${"█".repeat(filled)}${"░".repeat(20 - filled)}`;
  sayProgress(`${bar} ${String(progress).padStart(3)} %  ${message ?? status}`);
}

/** Checks that the output file can be written, without changing it. @throws CommandError */
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
      // Opening and closing a pipe would signal the end of the output to its reader.
      await access(file, constants.W_OK);
    }
  } catch (error) {
    throw new CommandError(`The output could not be written. ${diskText(error)}`, 2);
  }
}

/** Where a missing file would be created: at the target of its symbolic links. */
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

/** The number of symbolic links that operating systems follow. */
const MAX_LINKS = 40;

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

/** Prints the output to standard output or a file, and the messages about it to standard error. */
export async function printOutcome(
  flags: CallFlags,
  { isText, ...outcome }: ShownOutcome & { readonly isText: boolean },
  isResumed: boolean,
): Promise<void> {
  const { receipt, signedUsd, idempotencyKey } = outcome;
  const isLoose = outcome.output instanceof Blob && process.stdout.isTTY && !flags.json;
  const file = flags.output ?? (isLoose ? fileNameOf(outcome) : undefined);
  const isStreamed = file === undefined && !flags.json;
  const output = isStreamed ? outcome.output : await readWhole(outcome.output);
  const json = flags.json ? JSON.stringify({ ...outcome, output: await serializable(output) }) : undefined;
  const content = json === undefined ? await printed(output, isText) : undefined;
  let problem: string | undefined;
  if (file !== undefined) {
    const text = content ?? (await printed(output, isText));
    problem = await writeFile(file, text).then(
      () => undefined,
      (error: unknown) => diskText(error, file),
    );
  }
  if (json !== undefined) console.log(json);
  // A paid output is not lost when its file cannot be written.
  else if (content !== undefined && (file === undefined || problem !== undefined)) await write(content);
  const paid =
    receipt === null
      ? signedUsd === null
        ? "Nothing was paid."
        : `The seller sent no receipt, and may not have charged. It can settle the signed payment ($${signedUsd}) until the payment expires.`
      : `${isResumed ? "Already paid:" : "Paid"} ${receipt.amount} ${receipt.currency} on ${receipt.network} to ${receipt.payTo}, transaction ${receipt.transaction}.`;
  sayGood(`${paid}${idempotencyKey === null ? "" : ` Key ${idempotencyKey}.`}`);
  if (problem !== undefined) throw new CommandError(`The output was printed instead of written. ${problem}`);
  if (file !== undefined) sayGood(`The output is in ${file}.`);
}

async function write(content: string | Uint8Array | AsyncIterable<string>): Promise<void> {
  if (typeof content === "string" || content instanceof Uint8Array) {
    process.stdout.write(content);
    return;
  }
  for await (const part of content) process.stdout.write(part);
}

/** Reports that the user pressed Ctrl-C. `paid` says what was paid by then. Returns the exit code. */
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
      ? ` The job continues. Resume it without paying again:\n  ${commandOf(name, flags, ["--resume", jobId])}`
      : key !== undefined
        ? ` Fetch the result without paying again:\n  ${commandOf(name, flags, ["--idempotency-key", key])}`
        : "";
  // This process knows nothing about the payment of a job that another process started.
  const isElsewhere = flags.resume !== undefined && key === undefined;
  sayError(`Stopped.${isElsewhere ? "" : ` ${paid}`}${how}`);
  if (flags.json) {
    console.log(
      JSON.stringify({ error: { code: "stopped" }, jobId: jobId ?? null, idempotencyKey: key ?? null }),
    );
  }
  return stopCode(signal);
}

/** Reports what went wrong, the state of the payment, and how to continue. Returns the exit code. */
export async function sayFailure(
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
    /** The command that forgets the call, when an earlier run saved it. */
    readonly forget: string | undefined;
  },
): Promise<1 | 2> {
  const { code, reason, failure, status, charged, paymentState, issues, requestId, response } = error;
  const isDeclined = error.cause instanceof Declined;
  if (flags.json) {
    const facts = { code, reason, failure, status, charged, paymentState, issues, requestId };
    const { message } = error;
    const answer = response && { ...response, body: await serializable(response.body) };
    const ids = { jobId: error.jobId ?? jobId ?? null, idempotencyKey: key ?? null };
    console.log(
      JSON.stringify({
        error: { ...facts, message, response: answer },
        receipt: error.receipt ?? null,
        ...ids,
      }),
    );
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
  // The message of the seller may already contain some of the issues.
  const lines = (issues ?? [])
    .filter(({ path, message }) => !(error.message.includes(path) && error.message.includes(message)))
    .map(({ path, message }) => `  ${path === "" ? "input" : path}: ${message}`);
  const request = requestId === undefined ? [] : [`Request ${requestId}`];
  const id = error.jobId ?? jobId;
  const isUnknown = code === "http" && status === 404 && id !== undefined;
  const said = isUnknown
    ? `${resource.name}: The seller does not know the job ${id}, or no longer keeps it.`
    : error.message;
  const word = failure === undefined ? "" : ` (${failure})`;
  sayError(
    [
      short ?? `${said}${word}`,
      ...lines,
      `${moneyText(error)}${resumeText(error)}${response && charged !== "no" ? answerText(response) : ""}`,
      ...(forget === undefined ? [] : [`If the seller will never answer, forget the call: ${forget}`]),
      ...request,
    ].join("\n"),
  );
  if (code !== "invalid_input") return 1;
  console.error(fieldsText(model, resource));
  return 2;

  function resumeText({ charged, paymentState }: ResourceError): string {
    const isOpen =
      charged === "unknown" || (charged === "yes" && paymentState === "settled" && code !== "failed");
    // The seller no longer has the result, so resuming cannot deliver it.
    const isGone = isUnknown || (code === "http" && status === 410);
    if (!isOpen || isGone) return "";
    const how = id === undefined ? ["--idempotency-key", error.idempotencyKey] : ["--resume", id];
    return ` Fetch the result without paying again:\n  ${commandOf(name, flags, how)}`;
  }
}

function moneyText({ charged, paymentState, reason }: ResourceError): string {
  if (paymentState === "refund_owed") return "The payment was charged. The seller owes a refund.";
  if (reason === "over_price") return "Nothing was charged. Allow the higher price by --max.";
  if (reason === "other_resource")
    return "Nothing was charged. On the command line: --resource-host <host:port>.";
  if (reason === "over_ceiling") return "Nothing was charged. Raise --max to allow this price.";
  switch (charged) {
    case "no":
      return "Nothing was charged.";
    case "yes":
      return "The payment was charged.";
    case "refunded":
      return "The payment was charged and refunded.";
    default:
      return "It is not known yet whether the payment was charged.";
  }
}

/** The same command with more flags, ready to paste into a shell. */
function commandOf(name: string, flags: CallFlags, more: readonly string[]): string {
  const isResumed = more[0] === "--resume";
  const given: readonly (readonly [string, string | undefined])[] = [
    ["--from", flags.from],
    ["--base-url", flags.baseUrl],
    ["--calls", flags.calls],
    ...(flags.resourceHost ?? []).map((host) => ["--resource-host", host] as const),
    ["--input", isResumed ? undefined : flags.input],
    ...(isResumed ? [] : (flags.field ?? []).map((field) => ["--field", field] as const)),
  ];
  const words = given.flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
  return commandLine(["call", name, ...words, ...more]);
}

/** A resource402 command, ready to paste into a shell. */
export function commandLine(words: readonly string[]): string {
  const quoted = words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : shell(word)));
  return typed(quoted.join(" "));
}

function sayGood(text: string): void {
  console.error(styleText("green", text, { stream: process.stderr }));
}
