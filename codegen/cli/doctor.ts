import { writeFile } from "node:fs/promises";
import { styleText } from "node:util";
import { parseDuration } from "../../schema/duration.ts";
import { parseUsd } from "../../schema/money.ts";
import { evmPayer } from "../../src/client/evm.ts";
import { examine, type Finding, type Report } from "../doctor/examine.ts";
import type { Wallet } from "../doctor/purchase.ts";
import { NothingThere } from "../doctor/target.ts";
import { CommandError, stopCode } from "./command.ts";
import { diskText } from "./disk.ts";
import { junitOf } from "./doctor-junit.ts";
import { headersFromFlags } from "./header-flags.ts";
import { counted, sayDone, sayError, sayNote, sayProgress } from "./say.ts";
import { usdOf } from "./seller.ts";
import { WALLET_FIX, walletFromEnvironment } from "./wallet.ts";

export interface DoctorFlags {
  readonly method?: string;
  /** JSON. */
  readonly input?: string;
  /** `Name: value` of request headers. */
  readonly header?: readonly string[];
  readonly pay?: boolean;
  /** Maximum total of all payments in US dollars. */
  readonly max?: string;
  readonly timeout: string;
  readonly maxRequests: string;
  readonly json?: boolean;
  /** Path of the JUnit report. */
  readonly junit?: string;
}

const DEFAULT_MAX = "0.05";

/** Examines the URL and prints the findings. Returns the exit code. */
export async function printExamination(
  address: string,
  flags: DoctorFlags,
  signal: AbortSignal,
): Promise<number> {
  const url = urlOf(address);
  const input = inputOf(flags.input);
  const timeoutMs = parseDuration(flags.timeout);
  if (timeoutMs === undefined || timeoutMs === 0) {
    throw new CommandError(`--timeout "${flags.timeout}" is not a valid duration. Example: --timeout 10s`, 2);
  }
  const maxRequests = Number(flags.maxRequests);
  if (!Number.isSafeInteger(maxRequests) || maxRequests < 1) {
    throw new CommandError(`--max-requests "${flags.maxRequests}" is not a whole number of at least 1.`, 2);
  }
  const headers = headersFromFlags(flags.header);
  const wallet = await walletOf(flags);
  const signed: string[] = [];
  let report: Report;
  try {
    report = await examine({
      ...{ url, method: flags.method, input, headers, wallet, timeoutMs, maxRequests, signal },
      onSign: (resource, usd) => signed.push(`$${usd} for ${resource}`),
      onCheck: ({ check, resource }, done, all) => {
        const percent = String(Math.floor((100 * done) / all)).padStart(3);
        // A wrapped line could not be overwritten.
        sayProgress(
          `${percent} %  ${resource}  ${check}`.slice(0, (process.stderr.columns ?? NARROWEST) - 1),
        );
      },
    });
  } catch (error) {
    sayProgress("");
    if (signal.aborted) {
      const paid = signed.length > 0 ? ` Payments sent so far: ${signed.join(", ")}.` : "";
      sayNote(`Interrupted. No more requests are sent.${paid}`);
      return stopCode(signal);
    }
    if (!(error instanceof NothingThere)) throw error;
    sayError(error.message);
    return 1;
  }
  sayProgress("");
  if (flags.junit !== undefined) {
    const { junit } = flags;
    await writeFile(junit, junitOf(report)).catch((cause: unknown) => {
      throw new CommandError(`The JUnit report could not be written. ${diskText(cause, junit)}`, 1, {
        cause,
      });
    });
  }
  if (flags.json) console.log(JSON.stringify(report, undefined, 2));
  else print(report);
  const code = report.findings.some(({ severity }) => severity !== "info") ? 1 : 0;
  const { unbought, resources } = report;
  if (unbought.length > 0) {
    const isAll = unbought.length === resources.length;
    const say = isAll ? sayError : sayNote;
    say(
      isAll
        ? "--pay bought nothing, so paid responses were not examined:"
        : "Paid responses were not examined:",
    );
    for (const { resource, reason } of unbought) say(`  ${resource}: ${reason}`);
    if (isAll && code === 0) return 2;
  }
  return code;
}

function urlOf(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new CommandError(`"${address}" is not a valid URL. Example: https://api.example.com`, 2);
}

function inputOf(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new CommandError(`--input is not valid JSON. Example: --input '{"prompt":"a lighthouse"}'`, 2);
  }
}

async function walletOf({ pay, max }: DoctorFlags): Promise<Wallet | undefined> {
  if (!pay) {
    if (max === undefined) return undefined;
    throw new CommandError("--max is what --pay may cost. Add --pay.", 2);
  }
  const most = parseUsd(usdOf("--max", max ?? DEFAULT_MAX));
  const account = await walletFromEnvironment();
  if (!account) throw new CommandError(`--pay needs a wallet. ${WALLET_FIX}`, 2);
  return { payer: evmPayer(account), max: most };
}

const COLOURS = { error: "red", warning: "yellow", info: "cyan" } as const;
/** The column where the text of a finding begins. */
const INDENT = 10;
const NARROWEST = 60;
const WIDEST = 110;

function print(report: Report): void {
  const { findings, resources, url } = report;
  console.log(`Examined ${counted(resources.length, "resource")} at ${url}\n`);
  for (const finding of findings) printFinding(finding);
  printUnfound(report);
  const counts = (["error", "warning", "info"] as const).flatMap((severity) => {
    const count = findings.filter((one) => one.severity === severity).length;
    if (count === 0) return [];
    return [severity === "info" ? `${count} for information` : counted(count, severity)];
  });
  const effort = `${counted(report.requests, "request")}, ${(report.ms / 1000).toFixed(1)} s`;
  for (const [charged, words] of PAID) {
    const list = report.spent.filter((one) => one.charged === charged);
    if (list.length > 0)
      console.log(`${words} ${list.map(({ resource, usd }) => `$${usd} for ${resource}`).join(", ")}.`);
  }
  if (counts.length === 0) {
    const part = report.unbought.length === report.resources.length ? " of the unpaid part" : "";
    sayDone(`Nothing found in ${counted(report.passed.length, "check")}${part} (${effort}).`);
    return;
  }
  console.log(`${styleText("bold", counts.join(", "), { stream: process.stdout })} (${effort}).`);
}

const PAID = [
  ["yes", "Paid"],
  ["unknown", "Payment outcome unknown:"],
  ["no", "Signed and not charged:"],
] as const;

function printFinding({ severity, check, resource, what, why, source, evidence, fix }: Finding): void {
  const word = styleText(COLOURS[severity], severity.padEnd(INDENT - 1), { stream: process.stdout });
  console.log(`${word} ${styleText("bold", check, { stream: process.stdout })}  ${resource}`);
  console.log(block("", what));
  console.log(block("why", why));
  console.log(block("source", source));
  console.log(block("evidence", evidence));
  console.log(`${block("fix", fix)}\n`);
}

/** The names of the checks that passed or were skipped, with reasons. `--json` prints more. */
function printUnfound({ findings, passed, skipped, left, resources }: Report): void {
  const failed = new Set(findings.map(({ check }) => check));
  const names = [...new Set(passed.map(({ check }) => check))].filter((check) => !failed.has(check));
  if (names.length > 0) console.log(listed("passed", names.join(", ")));
  const reasons = new Map<string, string[]>();
  for (const { check, resource, reason } of skipped) {
    const elsewhere = skipped.filter((one) => one.check === check && one.reason === reason).length;
    const isEverywhere = elsewhere === resources.length || !resources.includes(resource);
    const key = isEverywhere ? reason : `${reason} (${resource})`;
    const checks = reasons.get(key) ?? [];
    if (!checks.includes(check)) reasons.set(key, [...checks, check]);
  }
  for (const [reason, checks] of reasons) console.log(listed("skipped", `${checks.join(", ")}: ${reason}`));
  for (const { name, reason } of left) console.log(listed("left out", `${name}: ${reason}`));
  console.log("");
}

function listed(word: string, text: string): string {
  const [first = "", ...rest] = wrapped(text, width() - INDENT);
  const head = styleText("dim", word.padEnd(INDENT), { stream: process.stdout });
  return [head + first, ...rest.map((line) => " ".repeat(INDENT) + line)].join("\n");
}

const LABEL = "evidence  ".length;

function block(label: string, text: string): string {
  const indent = " ".repeat(INDENT);
  if (label === "")
    return wrapped(text, width() - INDENT)
      .map((line) => indent + line)
      .join("\n");
  const lines = text.split("\n").flatMap((line) => wrapped(line, width() - INDENT - LABEL));
  const head = styleText("dim", label.padEnd(LABEL), { stream: process.stdout });
  return lines.map((line, at) => indent + (at === 0 ? head : " ".repeat(LABEL)) + line).join("\n");
}

function width(): number {
  return Math.min(Math.max(process.stdout.columns ?? WIDEST, NARROWEST), WIDEST);
}

/** Lines of at most `most` characters, wrapped at spaces. */
function wrapped(text: string, most: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > most) {
    const space = rest.lastIndexOf(" ", most);
    const at = space > most / 2 ? space : most;
    lines.push(rest.slice(0, at));
    rest = rest.slice(at).trimStart();
  }
  return [...lines, rest];
}
