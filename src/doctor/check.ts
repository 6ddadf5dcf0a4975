import type { Examination } from "./examination.ts";

/**
 * How bad a finding is. `error`: buyers lose money, cannot buy, or learn what they should not. `warning`: buyers have to
 * guess or wait, or something will break one day. `info`: worth knowing.
 */
export type Severity = "error" | "warning" | "info";

/** What one look at one resource can find out. */
export interface Check {
  /** Stable: programs and tests name a check by it. */
  readonly id: string;
  /** The good practice, as a short statement that is true of a resource that follows it. */
  readonly title: string;
  readonly severity: Severity;
  /** What happens to buyers, or to the seller, where it is not so. */
  readonly why: string;
  /** Where that is written: a section of x402, an RFC, or "practice". */
  readonly source: string;
  readonly fix: string;
  /** `resource` for each examined resource, `api` once for all of them. */
  readonly scope: "resource" | "api";
  /** True when it spends money, or needs an answer that was paid for. */
  readonly paid?: boolean;
  readonly look: (at: Examination) => Verdict | Promise<Verdict>;
}

/** What a check saw. */
export type Verdict =
  | { readonly verdict: "passed" }
  | { readonly verdict: "skipped"; readonly reason: string }
  | { readonly verdict: "found"; readonly faults: readonly Fault[] };

/** One fault, with the bytes that show it. */
export interface Fault {
  readonly what: string;
  readonly evidence: string;
  /** @default that of the check */
  readonly severity?: Severity;
}

export const PASSED: Verdict = { verdict: "passed" };

export function skipped(reason: string): Verdict {
  return { verdict: "skipped", reason };
}

/** One fault. */
export function fault(what: string, evidence: string, severity?: Severity): Verdict {
  return faults([{ what, evidence, ...(severity === undefined ? {} : { severity }) }]);
}

/** All of these, or passed when there are none. */
export function faults(list: readonly Fault[]): Verdict {
  return list.length === 0 ? PASSED : { verdict: "found", faults: list };
}
