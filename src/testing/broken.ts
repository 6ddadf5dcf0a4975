/** One thing that goes wrong. */
export interface Rule<Mode extends string> {
  readonly mode: Mode;
  /** At which of the calls that `mode` applies to, counted from 1. @default at every one */
  readonly calls?: readonly number[];
  /** Milliseconds, for the modes that take time; each says its default. */
  readonly ms?: number;
}

/** What a proxy says when the server behind it does not answer. */
export const HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>";
export const never = new Promise<never>(() => {});
export const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
/** A broken connection, as `fetch` reports it. */
export const cut = () =>
  new TypeError("fetch failed", {
    cause: Object.assign(new Error("other side closed"), { code: "ECONNRESET" }),
  });
