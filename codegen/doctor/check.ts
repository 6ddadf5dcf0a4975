import type { Examination } from "./examination.ts";

/**
 * How severe a finding is. `error`: buyers lose money, cannot buy, or see internal details. `warning`: buyers have to
 * guess or wait, or a later change will break them. `info`: worth knowing.
 */
export type Severity = "error" | "warning" | "info";

/** One check of a resource or of the whole API. */
export interface Check {
  /** Stable id. Programs and tests refer to a check by it. */
  readonly id: string;
  /** The good practice, as a short statement that is true when the resource follows it. */
  readonly title: string;
  readonly severity: Severity;
  /** The harm to buyers or the seller when the resource does not follow it. */
  readonly why: string;
  /** The source of the rule: a section of x402, an RFC, or "practice". */
  readonly source: string;
  readonly fix: string;
  /** `resource` for each examined resource, `api` once for all of them. */
  readonly scope: "resource" | "api";
  /** True when the check spends money or needs a paid response. */
  readonly paid?: boolean;
  readonly look: (at: Examination) => CheckVerdict | Promise<CheckVerdict>;
}

/** The outcome of a check. */
export type CheckVerdict =
  | { readonly verdict: "passed" }
  | { readonly verdict: "skipped"; readonly reason: string }
  | { readonly verdict: "found"; readonly faults: readonly Fault[] };

/** One fault, with the bytes that prove it. */
export interface Fault {
  readonly what: string;
  readonly evidence: string;
  /** @default the severity of the check */
  readonly severity?: Severity;
}

export const PASSED: CheckVerdict = { verdict: "passed" };

export function skipped(reason: string): CheckVerdict {
  return { verdict: "skipped", reason };
}

/** One fault. */
export function fault(what: string, evidence: string, severity?: Severity): CheckVerdict {
  return faults([{ what, evidence, ...(severity === undefined ? {} : { severity }) }]);
}

/** Reports all these faults, or passes when there are none. */
export function faults(list: readonly Fault[]): CheckVerdict {
  return list.length === 0 ? PASSED : { verdict: "found", faults: list };
}
