import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { encodeFunctionData, type Hex, parseAbi, parseSignature } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ChainRecord, lookUp, rpcRecord } from "../../src/ledger/evidence.ts";
import type { SignedPayment } from "../../src/store/store.ts";
import { type Chain, startChain, startWorld, type World } from "../../src/testing/index.ts";
import { systemTime, type Time } from "../../src/time/time.ts";
import { authorizationOf, pay, requirementsOf, resign } from "../testing/payments.ts";

interface Query {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** What a node does instead of telling the truth: returns a reply, throws an error, or `undefined` for the truth. */
type Lie = (query: Query, truth: () => Promise<unknown>) => unknown;

const SELLER = "0x0000000000000000000000000000000000000402";
const HASH = `0x${"ee".repeat(32)}`;
const logged: { level: string; fields: Record<string, unknown> }[] = [];
const line = (level: string) => (fields: object) => void logged.push({ level, fields: { ...fields } });
const log = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };

let world: World;
let lie: Lie | undefined;
let asked: Query[] = [];
let record: ChainRecord;
let url = "";
const proxy = createServer((request, response) => void proxied(request, response));

async function proxied(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = "";
  for await (const chunk of request) body += chunk;
  const query: Query & { readonly id: number } = { params: [], ...JSON.parse(body) };
  asked.push(query);
  let reply: object;
  try {
    const result = lie?.(query, () => truth(query.method, query.params));
    reply = { result: result === undefined ? await truth(query.method, query.params) : await result };
  } catch (error) {
    reply = { error: { code: -32_000, message: String(error) } };
  }
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ jsonrpc: "2.0", id: query.id, ...reply }));
}

async function truth(method: string, params: readonly unknown[] = []): Promise<unknown> {
  const answer = await fetch(world.rpcUrl ?? "", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { result, error } = await answer.json();
  if (error) throw new Error(error.message);
  return result;
}

const mine = (blocks = 3): Promise<unknown> => truth("anvil_mine", [`0x${blocks.toString(16)}`]);

beforeAll(async () => {
  world = await startWorld();
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
});
afterAll(async () => {
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
  await world.stop();
});

function tellingLies(lies?: Lie): void {
  lie = lies;
  asked = [];
  logged.length = 0;
  record = rpcRecord(new Map([[world.network, url]]));
}

async function signed(maxTimeoutSeconds = 60): Promise<SignedPayment> {
  const asked = requirementsOf(2, SELLER, { maxTimeoutSeconds });
  const { payment: payload, requirements } = await pay(world.buyer, asked);
  const asset = { symbol: "USDC", decimals: 6 };
  return { version: 2, network: world.network, asset, payload, requirements } as SignedPayment;
}

async function settled(payment?: SignedPayment): Promise<SignedPayment & { readonly hash: string }> {
  const made = payment ?? (await signed());
  const reply = await world.facilitator.settle(made.payload as never, made.requirements as never);
  expect(reply.success).toBe(true);
  return { ...made, hash: reply.transaction };
}

const source = (chain: ChainRecord, time: Time = systemTime) => ({ chain, log, time });
const look = (payment: SignedPayment, since = Date.now()) => lookUp(source(record), payment, since);
const authorization = ({ payload }: SignedPayment) => authorizationOf(payload as never);

/** The call by which anybody executes an authorization. */
function call(payload: SignedPayment["payload"]): Hex {
  const { from, to, value, validAfter, validBefore, nonce } = authorizationOf(payload as never);
  const { r, s, yParity } = parseSignature(payload.payload.signature as Hex);
  return encodeFunctionData({
    abi: parseAbi([
      "function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)",
    ]),
    args: [from, to, BigInt(value), BigInt(validAfter), BigInt(validBefore), nonce, 27 + yParity, r, s],
  });
}

const MULTICALL = parseAbi([
  "function tryAggregate(bool requireSuccess, (address target, bytes callData)[] calls) payable returns ((bool success, bytes data)[])",
]);

/** Executes several authorizations in one transaction, in this order. */
async function together(...payloads: SignedPayment["payload"][]): Promise<void> {
  const calls = payloads.map((payload) => ({
    target: world.asset,
    callData: call(payload),
  }));
  const [from] = (await truth("eth_accounts")) as string[];
  const data = encodeFunctionData({ abi: MULTICALL, args: [true, calls] });
  const to = "0xcA11bde05977b3631167028862bE2a173976CA11";
  const hash = await truth("eth_sendTransaction", [{ from, to, data, gas: "0x1e8480" }]);
  await expect.poll(() => truth("eth_getTransactionReceipt", [hash])).toMatchObject({ status: "0x1" });
}

/** The same nonce, signed for another transfer. */
async function otherUse(payment: SignedPayment, changes: { to?: Hex; value?: string }) {
  return (await resign(world.buyer as never, payment.payload as never, changes)) as SignedPayment["payload"];
}

describe("a payment is looked up on a chain:", () => {
  it("unused while it may still settle, settled by its transfer in any block", async () => {
    tellingLies();
    const payment = await signed();
    expect(await look(payment)).toEqual({ evidence: "unused-yet" });
    const { hash } = await settled(payment);
    expect(await look(payment)).toEqual({ evidence: "settled", transaction: hash });
    expect(asked.filter(({ method }) => method === "eth_chainId")).toHaveLength(1);
  });

  it("is read at the hash of one block", async () => {
    const blocks: unknown[] = [];
    tellingLies(({ method, params }) => {
      if (method === "eth_call") blocks.push(params[1]);
      return undefined;
    });
    await look(await signed());
    expect(blocks).toEqual([{ blockHash: expect.stringMatching(/^0x[0-9a-f]{64}$/) }]);
  });

  it("is found among blocks that the node shows ten at a time, with few queries", async () => {
    const payment = await settled();
    await mine(300);
    tellingLies(({ method, params: [filter] }) => {
      const { fromBlock, toBlock } = (filter ?? {}) as { fromBlock: string; toBlock: string };
      if (method === "eth_getLogs" && Number(toBlock) - Number(fromBlock) >= 10) throw new Error("too wide");
      return undefined;
    });
    expect(await look(payment)).toEqual({ evidence: "settled", transaction: payment.hash });
    expect(asked.length).toBeLessThan(120);
  });

  it("is settled in a transaction beside other payments of the payer, each by its own transfer", async () => {
    tellingLies();
    const [one, two] = [await signed(), await signed()];
    await together(one.payload, two.payload);
    expect(await look(one)).toMatchObject({ evidence: "settled" });
    expect(await look(two)).toMatchObject({ evidence: "settled" });
  });
});

describe("a use of the nonce by another transfer proves nothing", () => {
  it.each([
    ["to another account", { to: "0x0000000000000000000000000000000000000bad" as Hex }],
    ["of less", { value: "1" }],
  ])("%s", async (_, changes) => {
    tellingLies();
    const payment = await signed();
    await together(await otherUse(payment, changes));
    await mine();
    expect(await look(payment)).toBeUndefined();
  });

  it("even beside a matching transfer that belongs to another payment", async () => {
    tellingLies();
    const elsewhere = { to: world.buyer.address };
    const [paid, spent, also] = [await signed(), await signed(), await signed()];
    await together(paid.payload, await otherUse(spent, elsewhere));
    expect(await look(spent)).toBeUndefined();
    await together(await otherUse(also, elsewhere), (await signed()).payload);
    expect(await look(also)).toBeUndefined();
  });
});

describe("a canceled authorization", () => {
  async function canceled(): Promise<SignedPayment> {
    const payment = await signed();
    const { from, nonce } = authorization(payment);
    const signature = await world.buyer.signTypedData({
      domain: { name: "USDC", version: "2", chainId: 84_532, verifyingContract: world.asset },
      types: {
        CancelAuthorization: [
          { name: "authorizer", type: "address" },
          { name: "nonce", type: "bytes32" },
        ],
      },
      primaryType: "CancelAuthorization",
      message: { authorizer: from, nonce },
    });
    const [account] = (await truth("eth_accounts")) as string[];
    const data = encodeFunctionData({
      abi: parseAbi(["function cancelAuthorization(address authorizer, bytes32 nonce, bytes signature)"]),
      args: [from, nonce, signature],
    });
    const hash = await truth("eth_sendTransaction", [
      { from: account, to: world.asset, data, gas: "0x1e8480" },
    ]);
    await expect.poll(() => truth("eth_getTransactionReceipt", [hash])).toMatchObject({ status: "0x1" });
    return payment;
  }

  it("is spent once the block is safe, and not before", async () => {
    tellingLies();
    const payment = await canceled();
    expect(await look(payment)).toBeUndefined();
    await mine();
    expect(await look(payment)).toMatchObject({ evidence: "spent-elsewhere" });
  });
});

describe("a node that does not tell the whole truth proves nothing:", () => {
  const logs = (change: (found: Record<string, unknown>[]) => unknown): Lie => {
    return async ({ method }, truth) => {
      const found = await truth();
      return method === "eth_getLogs" ? change(found as Record<string, unknown>[]) : found;
    };
  };
  const receipt = (change: (found: Record<string, unknown>) => unknown): Lie => {
    return async ({ method }, truth) => {
      const found = await truth();
      return method === "eth_getTransactionReceipt" ? change(found as Record<string, unknown>) : found;
    };
  };
  const replies = (wanted: string, reply: unknown): Lie => {
    return ({ method }) => (method === wanted ? Promise.resolve(reply) : undefined);
  };
  const fails = (wanted: string): Lie => {
    return ({ method }) => (method === wanted ? Promise.reject(new Error("no")) : undefined);
  };

  it.each<[string, Lie]>([
    ["it has no logs yet", logs(() => [])],
    ["it refuses every range of logs", fails("eth_getLogs")],
    ["its logs are not a list", logs(() => ({}))],
    ["its log was removed", logs((found) => found.map((one) => ({ ...one, removed: true })))],
    ["its log is another token's", logs((found) => found.map((one) => ({ ...one, address: SELLER })))],
    [
      "its log is of another nonce",
      logs((found) =>
        found.map((one) => ({
          ...one,
          topics: [(one.topics as string[])[0], (one.topics as string[])[1], HASH],
        })),
      ),
    ],
    ["its log is there twice", logs((found) => [...found, ...found])],
    ["it has no receipt yet", replies("eth_getTransactionReceipt", null)],
    ["its receipt is from another block", receipt((found) => ({ ...found, blockHash: HASH }))],
    ["its receipt is of a failure", receipt((found) => ({ ...found, status: "0x0" }))],
    ["its receipt has no logs", receipt((found) => ({ ...found, logs: [] }))],
    ["it has no contract there", replies("eth_call", "0x")],
    ["its state is neither true nor false", replies("eth_call", `0x${"f".repeat(64)}`)],
    ["it has no block", replies("eth_getBlockByNumber", null)],
    ["its block has no time", replies("eth_getBlockByNumber", { number: "0x1", hash: HASH })],
    ["it does not read at the hash of a block", fails("eth_call")],
    ["it replies with a text", replies("eth_getBlockByNumber", "soon")],
  ])("%s", async (_, lies) => {
    const payment = await settled();
    await mine();
    tellingLies(lies);
    expect(await look(payment)).toBeUndefined();
  });

  it("it serves another chain, which is an error in the log", async () => {
    tellingLies(replies("eth_chainId", "0x1"));
    expect(await look(await settled())).toBeUndefined();
    expect(logged).toMatchObject([{ level: "error" }]);
  });

  it("it cannot say which chain it serves, until it can", async () => {
    const payment = await settled();
    tellingLies(fails("eth_chainId"));
    expect(await look(payment)).toBeUndefined();
    lie = undefined;
    expect(await look(payment)).toMatchObject({ evidence: "settled" });
  });

  it("it takes a bounded number of queries", async () => {
    const payment = await settled();
    await mine(1_000);
    tellingLies(({ method, params: [filter] }) => {
      const { fromBlock, toBlock } = (filter ?? {}) as { fromBlock: string; toBlock: string };
      if (method !== "eth_getLogs") return undefined;
      return fromBlock === toBlock ? Promise.resolve([]) : Promise.reject(new Error("one block only"));
    });
    expect(await look(payment)).toBeUndefined();
    expect(asked.length).toBeLessThanOrEqual(200);
  });

  it("it cannot be reached, and its URL is not logged", async () => {
    tellingLies();
    record = rpcRecord(new Map([[world.network, "http://127.0.0.1:2/v2/S3CR3T"]]));
    expect(await look(await signed())).toBeUndefined();
    expect(logged).toHaveLength(1);
    expect(JSON.stringify(logged)).not.toMatch(/S3CR3T|http:/);
  });
});

describe("what is not an EIP-3009 payment as the offer asks for it proves nothing:", () => {
  it.each<[string, (payment: SignedPayment) => unknown]>([
    [
      "a transfer to another payee",
      ({ requirements }) => ({ requirements: { ...requirements, payTo: HASH.slice(0, 42) } }),
    ],
    [
      "a transfer of another amount",
      ({ requirements }) => ({ requirements: { ...requirements, amount: "1" } }),
    ],
    ["a payment on a network without a node", () => ({ network: "eip155:1" })],
    [
      "a Permit2 payment",
      ({ payload }) => ({
        payload: { ...payload, payload: { permit2Authorization: payload.payload.authorization } },
      }),
    ],
  ])("%s", async (_, changes) => {
    const payment = await settled();
    tellingLies();
    expect(await look({ ...payment, ...(changes(payment) as object) } as SignedPayment)).toBeUndefined();
  });
});

describe("a record of the seller's own", () => {
  it.each([
    ["that throws", () => Promise.reject(new Error("no"))],
    ["that says what only a facilitator may say", async () => ({ evidence: "refused", reason: "x" })],
    ["that returns nothing to read", async () => 5],
  ])("%s proves nothing", async (_, own) => {
    expect(await lookUp(source({ lookUp: own as never }), await signed(), 0)).toBeUndefined();
  });

  it("that never replies is waited for until the timeout", async () => {
    let timer = (): void => {};
    const time = {
      now: () => 0,
      elapsed: () => 0,
      after: (ms: number, task: () => void) => {
        expect(ms).toBe(2_000);
        timer = task;
        return () => {};
      },
    };
    const silent = source({ lookUp: () => new Promise(() => {}) }, time);
    const waiting = lookUp(silent, await signed(), 0, 2_000);
    timer();
    expect(await waiting).toBeUndefined();
  });
});

describe("an authorization that has expired unused", () => {
  let chain: Chain;
  afterAll(() => chain?.stop());

  it("lapses once a safe block is past it, by the chain's clock", async () => {
    chain = await startChain();
    const ask = async (method: string, params: readonly unknown[] = []): Promise<void> => {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
      await fetch(chain.rpcUrl, { method: "POST", headers: { "content-type": "application/json" }, body });
    };
    const there = rpcRecord(new Map([[chain.network, chain.rpcUrl]]));
    const payment = await signed();
    const look = () => lookUp(source(there), payment, Date.now());
    await ask("anvil_mine", ["0x3"]);
    await ask("evm_increaseTime", [3_600]);
    await ask("evm_mine");
    // The newest block is past it, but may still be replaced.
    expect(await look()).toEqual({ evidence: "unused-yet" });
    await ask("evm_mine");
    expect(await look()).toEqual({ evidence: "lapsed" });
  });

  it("lapses by a block 60 seconds older than the newest where the node knows no safe block", async () => {
    tellingLies(({ method, params: [tag] }) =>
      method === "eth_getBlockByNumber" && (tag === "safe" || tag === "finalized")
        ? Promise.reject(new Error("unknown block"))
        : undefined,
    );
    const payment = await signed();
    await truth("evm_increaseTime", [3_600]);
    await truth("evm_mine");
    await truth("evm_increaseTime", [59]);
    await truth("evm_mine");
    expect(await look(payment)).toEqual({ evidence: "unused-yet" });
    await truth("evm_increaseTime", [30]);
    await truth("evm_mine");
    expect(await look(payment)).toEqual({ evidence: "lapsed" });
  });

  it("is still settled where it was settled before it expired", async () => {
    tellingLies();
    const payment = await settled(await signed(3 * 3_600));
    await truth("evm_increaseTime", [4 * 3_600]);
    await mine();
    expect(await look(payment)).toEqual({ evidence: "settled", transaction: payment.hash });
  });
});
