import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { ApiDefinition } from "../../schema/api.ts";
import { definitionText } from "../../schema/definition-text.ts";

/** Set on `globalThis` by `resource402 dev`, which generates the code again itself and may be a moment behind. */
export const DEV_MARK: unique symbol = Symbol.for("resource402.dev") as never;

/**
 * Compares a definition with the hash that was written when the code was generated. Code without a hash passes.
 *
 * @throws Error when the definition has changed since: the published prices and documents would be wrong
 */
export function checkGenerated(api: ApiDefinition, generatedFrom: string | undefined): void {
  if (generatedFrom === undefined || DEV_MARK in globalThis) return;
  if (bytesToHex(sha256(utf8ToBytes(definitionText(api)))) === generatedFrom) return;
  throw new Error(
    "createServer: the definition has changed since server.gen.ts was generated; run `npx resource402 generate`",
  );
}
