import { authorizationTypes } from "@x402/evm";
import {
  type Address,
  createTestClient,
  createWalletClient,
  domainSeparator,
  type Hex,
  http,
  type LocalAccount,
  parseEventLogs,
  parseSignature,
} from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestUSDC } from "../../src/testing/contracts/artifacts.gen.ts";
import { type Chain, chainFacilitator, startChain } from "../../src/testing/index.ts";
import { authorizationOf, pay, requirementsOf } from "./payments.ts";

let chain: Chain;
let owner: LocalAccount;
beforeAll(async () => {
  chain = await startChain();
  owner = privateKeyToAccount(generatePrivateKey());
  await chain.mint(owner.address, 1_000n);
});
afterAll(() => chain.stop());

const domain = () =>
  ({ name: "USDC", version: "2", chainId: chain.chainId, verifyingContract: chain.asset }) as const;
const freshAddress = () => privateKeyToAccount(generatePrivateKey()).address;
const nonce = () => generatePrivateKey();
const cheats = () => createTestClient({ mode: "anvil", transport: http(chain.rpcUrl) });

/** Sends a transaction to the token from any address at all, and returns what it logged. */
async function send(from: Address, functionName: string, args: readonly unknown[]) {
  await cheats().impersonateAccount({ address: from });
  await cheats().setBalance({ address: from, value: 10n ** 18n });
  const wallet = createWalletClient({
    account: from,
    chain: chain.publicClient.chain,
    transport: http(chain.rpcUrl),
  });
  const call = { address: chain.asset, abi: TestUSDC.abi, functionName, args } as never;
  await chain.publicClient.simulateContract({ ...(call as object), account: from } as never);
  const hash = await wallet.writeContract(call);
  const { logs } = await chain.publicClient.waitForTransactionReceipt({ hash });
  return parseEventLogs({ abi: TestUSDC.abi, logs }).map(({ eventName }) => eventName);
}

describe("the test USDC", () => {
  it("has the EIP-712 domain of USDC on Base Sepolia", async () => {
    const separator = await chain.publicClient.readContract({
      address: chain.asset,
      abi: TestUSDC.abi,
      functionName: "DOMAIN_SEPARATOR",
    });
    expect(separator).toBe(domainSeparator({ domain: domain() }));
  });

  it("moves what a spender was allowed and no more", async () => {
    const spender = freshAddress();
    const to = freshAddress();
    expect(await send(owner.address, "approve", [spender, 5n])).toEqual(["Approval"]);
    expect(await send(spender, "transferFrom", [owner.address, to, 3n])).toEqual(["Transfer"]);
    await expect(send(spender, "transferFrom", [owner.address, to, 3n])).rejects.toThrow(/exceeds allowance/);
    expect(await send(to, "transfer", [owner.address, 1n])).toEqual(["Transfer"]);
    expect(await chain.balanceOf(to)).toBe(2n);
  });

  it("lets only the payee bring a ReceiveWithAuthorization", async () => {
    const to = freshAddress();
    const message = {
      from: owner.address,
      to,
      value: 9n,
      validAfter: 0n,
      validBefore: 2n ** 40n,
      nonce: nonce(),
    };
    const signature = await owner.signTypedData({
      domain: domain(),
      types: { ReceiveWithAuthorization: authorizationTypes.TransferWithAuthorization },
      primaryType: "ReceiveWithAuthorization",
      message,
    });
    const args = [...Object.values(message), signature];
    await expect(send(freshAddress(), "receiveWithAuthorization", args)).rejects.toThrow(/must be the payee/);
    await expect(send(to, "transferWithAuthorization", args)).rejects.toThrow(/invalid signature/);
    expect(await send(to, "receiveWithAuthorization", args)).toEqual(["AuthorizationUsed", "Transfer"]);
    expect(await chain.balanceOf(to)).toBe(9n);
  });

  it("refuses an authorization that its owner has cancelled", async () => {
    const { payment, requirements } = await pay(owner, requirementsOf(2, freshAddress(), { amount: "5" }));
    const cancelled = { authorizer: owner.address, nonce: authorizationOf(payment).nonce };
    const signature = await owner.signTypedData({
      domain: domain(),
      types: {
        CancelAuthorization: [
          { name: "authorizer", type: "address" },
          { name: "nonce", type: "bytes32" },
        ],
      },
      primaryType: "CancelAuthorization",
      message: cancelled,
    });
    const { v, r, s } = parseSignature(signature);
    const args = [...Object.values(cancelled), Number(v), r, s];
    expect(await send(freshAddress(), "cancelAuthorization", args)).toEqual(["AuthorizationCanceled"]);
    expect(await chainFacilitator(chain).settle(payment, requirements)).toMatchObject({
      success: false,
      errorReason: "invalid_exact_evm_nonce_already_used",
    });
  });

  it("asks a smart account by ERC-1271 whether a signature is its own", async () => {
    const [yes, no] = [freshAddress(), freshAddress()];
    // Accounts that answer every question with the magic value, and with zero.
    await cheats().setCode({ address: yes, bytecode: "0x631626ba7e60e01b60005260206000f3" });
    await cheats().setCode({ address: no, bytecode: "0x60206000f3" });
    for (const address of [yes, no]) await chain.mint(address, 5n);
    const smartAccount = (address: Address) =>
      ({ ...owner, address, signTypedData: async () => "0xc0ffee" as Hex }) as LocalAccount;
    const requirements = requirementsOf(2, freshAddress(), { amount: "5" });
    const settle = async (address: Address) =>
      chainFacilitator(chain).settle((await pay(smartAccount(address), requirements)).payment, requirements);
    expect(await settle(no)).toMatchObject({ success: false, errorReason: "invalid_exact_evm_signature" });
    expect(await settle(yes)).toMatchObject({ success: true, payer: yes });
    expect(await chain.balanceOf(requirements.payTo as Address)).toBe(5n);
  });
});
