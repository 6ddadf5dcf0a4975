/** What the runner asks for, by messages between the two processes. */
export interface Stats {
  readonly runs: Readonly<Record<string, number>>;
  /** The most handlers and quote functions that ran at one time. */
  readonly mostHandlers: number;
  readonly mostQuotes: number;
  /** Peak of the resident memory since the process began, in MB. */
  readonly peakMb: number;
  /** The longest turn of the event loop, in ms of processor time, so that other processes do not count. */
  readonly blockMs: number;
}
