import type { Mistake } from "../mistake.ts";

/** The word by which the command line runs a seller's code in a process of its own. */
export const SELLER_COMMAND = "dev-seller";

/** What the process of a seller is told to serve. */
export interface SellerOrder {
  /** Absolute path of the folder with `server.gen.ts` and `handlers/`. */
  readonly folder: string;
  /** Absolute path of a file of the seller's that exports `openServer(options)`, instead of the two above. */
  readonly server?: string;
  readonly resources: readonly { readonly name: string; readonly isQuoted: boolean }[];
  readonly payments: {
    readonly network: string;
    readonly rpcUrl?: string;
    /** URL. */
    readonly facilitator: string;
    /** Receives what is paid, and pays it back where the handler fails. */
    readonly sellerKey: `0x${string}`;
  };
  /** Path of the SQLite file. */
  readonly store: string;
}

/** What a process says once: that it listens, or why it cannot. Either way with the files that it is made of. */
export type SellerMessage = { readonly files: readonly string[] } & (
  | { readonly port: number }
  | { readonly mistake: Mistake }
);

/** Tells a process to take no more requests, and to end when those that run have been answered. */
export interface SellerEnd {
  readonly graceMs: number;
}
