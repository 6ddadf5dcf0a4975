import { storageCalls } from "resource402/client";
import { type Client, createClient } from "../studio/client.gen.ts";
import type { GenerateImageInput } from "../studio/types.gen.ts";
import type { Wallet } from "./wallet.ts";

/** Written into the bundle by `site.ts`. */
declare const API_URL: string;

/** One purchase. Its key is made with the order, so that a second click or a retry does not pay again. */
export interface Order {
  readonly key: string;
  readonly input: GenerateImageInput;
}

/** The client of this page. Without a wallet it calls what is free, and resumes what is paid. */
export function connectShop(wallet?: Wallet): Client {
  return createClient({
    baseUrl: API_URL,
    ...(wallet && { payer: wallet.payer }),
    budget: { perCall: "0.10", total: "0.50" },
    // Signed payments outlive a reload of the page.
    calls: storageCalls(localStorage),
  });
}
