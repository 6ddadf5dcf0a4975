import { inspect, styleText } from "node:util";
import type { Logger } from "../../src/telemetry/log.ts";

type Colour = Parameters<typeof styleText>[0];
type Fields = Readonly<Record<string, unknown>>;

/** Fields that say to which call a line belongs. */
const IDS = new Set(["requestId", "resource", "jobId", "attempt"]);
const NAME_WIDTH = 16;

/** A readable log of a server: one short line for each call, each job and each log entry of a handler. */
export function createLines(write: (line: string) => void): Logger {
  /** What calls have paid that have not been answered yet, by request. */
  const paid = new Map<unknown, unknown>();
  const line =
    (colour: Colour) =>
    (fields: Fields, message: string): void => {
      const text = textOf(fields, message, colour, paid);
      if (text !== undefined) write(`${paint("dim", new Date().toTimeString().slice(0, 8))}  ${text}`);
    };
  return {
    debug() {},
    info: line("reset"),
    warn: line("yellow"),
    error: line("red"),
  };
}

function textOf(
  fields: Fields,
  message: string,
  colour: Colour,
  paid: Map<unknown, unknown>,
): string | undefined {
  // What the command says itself, or the line of the call.
  if (/^(server (started|stopping)|job started)$/.test(message)) return undefined;
  if (message === "payment settled") {
    paid.set(fields.requestId, fields.amount);
    return undefined;
  }
  if (message === "call answered" || message === "job ended") {
    const { status, outcome, requestId } = fields;
    const amount = paid.get(requestId);
    paid.delete(requestId);
    return ending(fields, `${message === "job ended" ? "job" : status} ${outcome}`, amount);
  }
  if ("refund" in fields) return ending(fields, message, fields.amount);
  const { error, ...rest } = fields;
  const others = Object.entries(rest).filter(([name]) => !IDS.has(name));
  const more =
    others.length === 0
      ? ""
      : ` ${inspect(Object.fromEntries(others), { breakLength: Number.POSITIVE_INFINITY })}`;
  return `${nameOf(fields)}${paint(colour, message)}${more}${error === undefined ? "" : errorText(error)}`;
}

function ending(fields: Fields, words: string, amount: unknown): string {
  const { outcome, code, durationMs, input } = fields;
  const isFailure = outcome === "failed" || outcome === "refused" || outcome === "expired";
  const colour = isFailure ? "red" : outcome === "challenged" || outcome === undefined ? "dim" : "green";
  const said = paint(colour, `${words}${code === undefined ? "" : `: ${code}`}`.padEnd(26));
  const time = typeof durationMs === "number" ? `${Math.round(durationMs)} ms` : "";
  const money = amount === undefined ? "" : `  $${amount}`;
  return `${nameOf(fields)}${said}${time.padStart(9)}${money}${input === undefined ? "" : `  ${JSON.stringify(input)}`}`;
}

function nameOf({ resource }: Fields): string {
  return typeof resource === "string" ? `${resource.padEnd(NAME_WIDTH)}  ` : "";
}

/** The error with its stack frames outside of packages. */
function errorText(error: unknown): string {
  const { name, message, stack } = (error ?? {}) as Fields;
  const frames = String(stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line) && !/node_modules|node:/.test(line));
  return [
    `\n            ${name ?? "Error"}: ${message ?? error}`,
    ...frames.map((frame) => `        ${frame}`),
  ].join("\n");
}

function paint(colour: Colour, text: string): string {
  return styleText(colour, text, { stream: process.stderr });
}
