import type { LocalAccount } from "viem";
import { CommandError } from "./command.ts";

/** The environment variable that holds the private key of the account which pays. Never an argument: those are seen by others. */
const WALLET_KEY = "RESOURCE402_WALLET_KEY";

/** What to do where a payment needs a wallet and there is none. */
export const WALLET_FIX = `Set ${WALLET_KEY} to the private key of an account that holds the token; it needs no gas.`;

/**
 * The account that pays, when the environment sets its private key.
 * @throws CommandError when the value is not a valid private key; the message does not repeat it
 */
export async function walletFromEnvironment(): Promise<LocalAccount | undefined> {
  const key = (process.env[WALLET_KEY] ?? "").trim();
  if (key === "") return undefined;
  const malformed = new CommandError(
    `${WALLET_KEY} is not a valid private key. Set it to 0x and 64 hexadecimal digits.`,
    2,
  );
  if (!/^(0x)?[0-9a-fA-F]{64}$/.test(key)) throw malformed;
  const { privateKeyToAccount } = await import("viem/accounts");
  try {
    return privateKeyToAccount(`0x${key.replace(/^0x/, "")}`);
  } catch {
    // Zero, or not below the order of the curve.
    throw malformed;
  }
}
