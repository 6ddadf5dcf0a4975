/** `resource402/evm`. The clients of other sellers bring `evm.ts` alone along, which needs no package. */
export { type EvmAccount, type EvmPayerOptions, evmPayer } from "./evm.ts";
export { privateKeyAccount, privateKeyPayer } from "./private-key.ts";
