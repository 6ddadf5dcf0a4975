/**
 * `resource402/testing`: the world in one process, for tests and demos of x402 payments. A private Base Sepolia with
 * a test USDC and the official facilitator, or a ledger in memory with the same verdicts and no child process.
 */
export { type Chain, type ChainOptions, type GasWallet, startChain } from "./chain.ts";
export {
  chainFacilitator,
  type FacilitatorServer,
  type FacilitatorServerOptions,
  serveFacilitator,
} from "./facilitator.ts";
export { type Ledger, type LedgerOptions, memoryLedger } from "./ledger.ts";
export { startWorld, type World, type WorldOptions } from "./world.ts";
