import type { FacilitatorClient } from "@x402/core/server";
import { NETWORK, PAYER } from "./route.ts";

/** Finds every payment valid and settled, at once and without a network: what is left is the server's own work. */
export const stubFacilitator: FacilitatorClient = {
  verify: async () => ({ isValid: true, payer: PAYER }),
  settle: async () => ({
    success: true,
    transaction: `0x${"5e".repeat(32)}`,
    network: NETWORK,
    payer: PAYER,
  }),
  getSupported: async () => ({
    kinds: [
      { x402Version: 2, scheme: "exact", network: NETWORK },
      { x402Version: 1, scheme: "exact", network: "base-sepolia" as typeof NETWORK },
    ],
    extensions: [],
    signers: {},
  }),
};
