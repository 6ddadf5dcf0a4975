/**
 * `resource402/testing`: the world in one process, for tests and demos of x402 payments. A private Base Sepolia with
 * a test USDC and the official facilitator, or a ledger in memory with the same verdicts and no child process. Beside
 * it, what goes wrong: facilitators and networks that misbehave, and servers that die.
 */

export type { Rule } from "./broken.ts";
export { type Chain, type ChainOptions, type GasWallet, startChain } from "./chain.ts";
export {
  type Crashable,
  type CrashableOptions,
  crashable,
  FAULT_POINTS,
  type FaultPoint,
  type Faults,
  killAt,
} from "./crashable.ts";
export {
  chainFacilitator,
  type FacilitatorServer,
  type FacilitatorServerOptions,
  serveFacilitator,
} from "./facilitator.ts";
export { FACILITATOR_WORDS } from "./facilitator-words.ts";
export {
  type FacilitatorRule,
  type HostileFacilitator,
  hostileFacilitator,
  type SettleFault,
  type VerifyFault,
} from "./hostile-facilitator.ts";
export {
  type HostileNetwork,
  hostileNetwork,
  type NetworkFault,
  type NetworkRule,
} from "./hostile-network.ts";
export { type HostileNode, hostileNode, type NodeLies, RANGE_ERRORS, remoteNode } from "./hostile-node.ts";
export {
  fetchFrom,
  type HttpEndpoint,
  type HttpHandler,
  type HttpReply,
  listenWith,
} from "./http-endpoint.ts";
export {
  type LedgerTransfer,
  type MemoryChainRecord,
  type MemoryLedger,
  type MemoryLedgerOptions,
  memoryLedger,
  type NonceUse,
} from "./ledger.ts";
export { type JsonRpc, type LedgerNodeOptions, ledgerNode, RpcError } from "./ledger-node.ts";
export {
  type FacilitatorScript,
  jsonReply,
  type ScriptedFacilitator,
  type SettleAct,
  type SettleRequest,
  scriptedFacilitator,
  type VerifyRequest,
} from "./scripted-facilitator.ts";
export { startWorld, type World, type WorldOptions } from "./world.ts";
