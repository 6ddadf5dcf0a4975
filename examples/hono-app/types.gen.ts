// Generated from resources.ts by `resource402 generate`. Do not edit.

/** What the handler of `day` is given: validated, with defaults filled in. */
export interface DayArgs {
  /** The day, such as 2026-03-31. Date. */
  date: string;
  /**
   * Where it was measured.
   * @default "harbor"
   */
  station: "harbor" | "summit";
}

/** What `day` asks for. */
export interface DayInput {
  /** The day, such as 2026-03-31. Date. */
  date: string;
  /**
   * Where it was measured.
   * @default "harbor"
   */
  station?: "harbor" | "summit";
}

/** What `day` answers. */
export interface DayOutput {
  /** The day. Date. */
  date: string;
  /** Where it was measured. */
  station: "harbor" | "summit";
  /** Highest temperature in °C. */
  highCelsius: number;
  /** Rain in mm. */
  rainMm: number;
}

/** What the handler of `day` returns. */
export type DayResult = DayOutput;
