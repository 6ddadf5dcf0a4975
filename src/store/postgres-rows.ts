import type { Value } from "./postgres-connection.ts";
import { type CallRow, callOf, callRow } from "./sqlite-call-rows.ts";
import { type JobRow, jobOf, jobRow, type RefundRow, refundOf, refundRow } from "./sqlite-rows.ts";
import type { CallRecord, JobRecord, RefundRecord } from "./store.ts";

type Columns<Row> = Readonly<Record<keyof Row, "text" | "float8" | "int2">>;

/** One table: how its records become rows, the same as in SQLite but for what Postgres cannot write down. */
interface Table<Record> {
  /** What to select, by name, so that columns of a later version do no harm. */
  readonly columns: string;
  /** `$n` for each column, from the given number on. */
  placeholders(first: number): string;
  values(record: Record): Value[];
  /** `column = $n` for what may change in a record, from the given number on. */
  assignments(first: number): string;
  changed(record: Record): Value[];
  record(row: object): Record;
}

const CALLS: Columns<CallRow> = {
  id: "text",
  resource: "text",
  key: "text",
  fingerprint: "text",
  network: "text",
  payer: "text",
  nonce: "text",
  valid_before: "float8",
  value: "float8",
  charge: "text",
  phase: "text",
  job_id: "text",
  owner: "text",
  tries: "float8",
  retry_at: "float8",
  created_at: "float8",
  ended_at: "float8",
  failed: "int2",
  sweep_at: "float8",
  held: "int2",
  rest: "text",
};

const JOBS: Columns<JobRow> = {
  id: "text",
  call_id: "text",
  resource: "text",
  status: "text",
  phase: "text",
  work: "text",
  paid: "int2",
  code: "text",
  owner: "text",
  run_at: "float8",
  start_by: "float8",
  callback_at: "float8",
  created_at: "float8",
  updated_at: "float8",
  started_at: "float8",
  ended_at: "float8",
  expires_at: "float8",
  attempt: "float8",
  failures: "float8",
  claim: "text",
  payer: "text",
  input_bytes: "float8",
  rest: "text",
};

const REFUNDS: Columns<RefundRow> = {
  id: "text",
  call_id: "text",
  resource: "text",
  state: "text",
  currency: "text",
  value: "float8",
  retry_at: "float8",
  created_at: "float8",
  rest: "text",
};

export const callTable = table<CallRow, CallRecord>(
  CALLS,
  ["key", "phase", "owner", "tries", "retry_at", "ended_at", "failed", "job_id", "held", "rest"],
  callRow,
  callOf,
);
export const jobTable = table<JobRow, JobRecord>(
  JOBS,
  [
    ...([
      "status",
      "phase",
      "work",
      "code",
      "owner",
      "run_at",
      "start_by",
      "callback_at",
      "started_at",
      "ended_at",
    ] as const),
    ...(["updated_at", "expires_at", "attempt", "failures", "claim", "input_bytes", "rest"] as const),
  ],
  jobRow,
  jobOf,
);
export const refundTable = table<RefundRow, RefundRecord>(
  REFUNDS,
  ["state", "retry_at", "rest"],
  refundRow,
  refundOf,
);

/** A call whose job is gone stays without it. The size of an input is known at the beginning. */
const FALLING: readonly string[] = ["held", "input_bytes"];

function table<Row extends object, Record>(
  columns: Columns<Row>,
  changing: readonly (keyof Row & string)[],
  encode: (record: Record, isNew?: boolean) => Row,
  decode: (row: Row) => Record,
): Table<Record> {
  const names = Object.keys(columns) as (keyof Row & string)[];
  const valuesOf = (row: Row, of: readonly (keyof Row & string)[]): Value[] =>
    of.map((name) => {
      const value = row[name] as string | number | null;
      return typeof value === "string" && name !== "rest" ? toText(value) : value;
    });
  const placeholder = (name: keyof Row & string, n: number) => `$${n}::${columns[name]}`;
  const assignment = (name: keyof Row & string, n: number) =>
    `${name} = ${FALLING.includes(name) ? `least(${name}, ${placeholder(name, n)})` : placeholder(name, n)}`;
  return {
    columns: names.join(", "),
    placeholders: (first) => names.map((name, n) => placeholder(name, first + n)).join(", "),
    values: (record) => valuesOf(encode(record, true), names),
    assignments: (first) => changing.map((name, n) => assignment(name, first + n)).join(", "),
    changed: (record) => valuesOf(encode(record), changing),
    record(row) {
      const entries = Object.entries(row).map(([name, value]) => [
        name,
        typeof value === "string" && name !== "rest" ? fromText(value) : value,
      ]);
      return decode(Object.fromEntries(entries) as Row);
    },
  };
}

/**
 * Any string of JavaScript, as one that Postgres can keep, and no other becomes the same: it knows neither U+0000 nor
 * halves of surrogate pairs. (JSON texts escape both by themselves.)
 */
export function toText(value: string): string {
  return value.replaceAll(UNWRITABLE, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export function fromText(text: string): string {
  return text.replaceAll(/\\u([0-9a-f]{4})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what this is about
const UNWRITABLE = /[\\\u0000]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
