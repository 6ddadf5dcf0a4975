import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { SettleError } from "@x402/core/types";
import { privateKeyToAccount } from "viem/accounts";
import { describe, expect, it, vi } from "vitest";
import { endpointsOf, type FacilitatorOption } from "../../src/ledger/endpoint.ts";
import { createFacilitator } from "../../src/ledger/facilitator.ts";
import type { SignedPayment } from "../../src/store/store.ts";
import type { Time } from "../../src/time/time.ts";
import { pay, requirementsOf } from "../testing/payments.ts";

const TRANSACTION = `0x${"ab".repeat(32)}`;
const NETWORK = "eip155:84532";
const buyer = privateKeyToAccount(`0x${"1".repeat(64)}`);
const SELLER = "0x0000000000000000000000000000000000000402";

async function signed(version: 1 | 2 = 2): Promise<SignedPayment> {
  const { payment: payload, requirements } = await pay(buyer, requirementsOf(version, SELLER));
  return { version, network: NETWORK, payload, requirements } as unknown as SignedPayment;
}

const refusal = (errorReason: unknown, transaction: unknown = "") => ({
  success: false,
  errorReason,
  transaction,
  network: NETWORK,
});
const success = { success: true, transaction: TRANSACTION, network: NETWORK };

/** A facilitator as the options take it, with what it logs and counts. */
function facilitatorOf(facilitator: FacilitatorOption | readonly FacilitatorOption[], time?: Time) {
  const logged: string[] = [];
  const line = (fields: object, message: string): void => {
    logged.push(JSON.stringify({ ...fields, message }));
  };
  const asked = vi.fn();
  const log = { debug: line, info: line, warn: line, error: line };
  const endpoints = endpointsOf(facilitator);
  return { ...createFacilitator(endpoints, { log, asked, ...(time ? { time } : {}) }), logged, asked };
}

/** A client object that resolves to `reply`, or throws what `reply` throws. */
function client(reply: () => unknown) {
  const settle = vi.fn(async () => reply());
  return {
    settle,
    verify: settle,
    getSupported: async () => ({ kinds: [] }),
  } as never as FacilitatorOption & {
    settle: typeof settle;
  };
}

/** A facilitator that listens, and whose reply to everything is `reply`. */
async function listening(
  reply: (request: IncomingMessage, response: ServerResponse) => void,
  server: Server = createServer(),
) {
  const bodies: string[] = [];
  const received = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = "";
    for await (const chunk of request) body += chunk;
    bodies.push(body);
    reply(request, response);
  };
  server.on(
    "request",
    (request: IncomingMessage, response: ServerResponse) => void received(request, response),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    bodies,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const json = (status: number, body: unknown) => (_: IncomingMessage, response: ServerResponse) => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
};

/** A clock that moves when told. */
function handTime() {
  const timers = new Set<{ at: number; task: () => void }>();
  let now = 0;
  const time: Time = {
    now: () => now,
    elapsed: () => now,
    after(ms, task) {
      const timer = { at: now + ms, task };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  };
  const pass = (ms: number): void => {
    now += ms;
    for (const timer of [...timers]) {
      if (timer.at > now) continue;
      timers.delete(timer);
      timer.task();
    }
  };
  return { time, pass };
}

describe("a failed settlement", () => {
  it.each([
    "invalid_exact_evm_scheme",
    "invalid_exact_evm_network_mismatch",
    "invalid_exact_evm_recipient_mismatch",
    "invalid_exact_evm_authorization_value",
    "invalid_exact_evm_payload_authorization_value_mismatch",
    "invalid_exact_evm_payload_authorization_valid_after",
    "invalid_exact_evm_payload_authorization_valid_before",
    "invalid_exact_evm_insufficient_balance",
    "invalid_exact_evm_failed_to_parse_signature",
    "eip6492_factory_not_allowed",
    "unsupported_payload_type",
    "permit2_insufficient_balance",
    "upto_facilitator_mismatch",
    "insufficient_funds",
    "self_send_not_allowed",
    "kyt_risk_detected",
    "invalid_exact_evm_payload_signature",
  ])("with the word %s is refused", async (reason) => {
    const { settle } = facilitatorOf(client(() => refusal(reason)));
    expect(await settle(await signed(), "echo")).toEqual({ evidence: "refused", reason });
  });

  it.each([
    "invalid_exact_evm_signature",
    "invalid_exact_evm_eip3009_not_supported",
    "invalid_exact_evm_token_name_mismatch",
    "invalid_exact_evm_token_version_mismatch",
    "invalid_exact_evm_missing_eip712_domain",
    "asset_not_deployed_contract",
    "smart_wallet_deployment_failed",
  ])("with the word %s blames a node or the seller, and may be sent again", async (reason) => {
    const { settle } = facilitatorOf(client(() => refusal(reason)));
    expect(await settle(await signed(), "echo")).toEqual({ evidence: "not-sent", reason });
  });

  it.each([
    "invalid_exact_evm_transaction_failed",
    "invalid_exact_evm_transfer_event_mismatch",
    "invalid_exact_evm_nonce_already_used",
    "invalid_exact_evm_transaction_simulation_failed",
    "settlement_pending",
    "invalid_transaction_state",
    "permit2_invalid_nonce",
    "permit2_simulation_failed",
    "invalid_permit2_signature",
    "erc20_approval_tx_failed",
    "unexpected_settle_error",
    "invalid_payload",
    "invalid_exact_evm_verification_failed",
    "settle_exact_failed_onchain",
    "settle_exact_node_failure",
    "unknown_error",
    "preflight_validation_failed",
    "authorization_already_used",
    "a_word_of_tomorrow",
  ])("with the word %s proves nothing", async (reason) => {
    const { settle, asked } = facilitatorOf(client(() => refusal(reason)));
    expect(await settle(await signed(), "echo")).toEqual({ evidence: "unclear", reason });
    expect(asked).toHaveBeenCalledWith(
      expect.objectContaining({
        question: "settle",
        facilitator: "custom",
        outcome: "unclear",
        word: reason,
      }),
    );
  });

  it.each([
    ["in other letters", "INSUFFICIENT_FUNDS"],
    ["with text behind the word", "insufficient_funds: the account holds 3"],
    [
      "in free text with a node's URL and key",
      'nonce too low. URL: https://base.example/v2/S3CR3Tk3y9abcdefghi0"',
    ],
    ["in an object", { code: "insufficient_funds" }],
    ["in a list", ["insufficient_funds"]],
    ["without a reason", undefined],
  ])("that is told %s proves nothing, and its text is not passed on", async (_, reason) => {
    const { settle, logged } = facilitatorOf(client(() => refusal(reason)));
    expect(await settle(await signed(), "echo")).toEqual({
      evidence: "unclear",
      reason: "unrecognized_reply",
    });
    expect(logged.join()).not.toMatch(/S3CR3T|base\.example/);
  });

  it.each([TRANSACTION, "0xabc", "5hash", { hash: TRANSACTION }, 7])(
    "that names the transaction %j is not refused",
    async (transaction) => {
      const { settle } = facilitatorOf(client(() => refusal("insufficient_funds", transaction)));
      expect(await settle(await signed(), "echo")).toEqual({
        evidence: "unclear",
        reason: "insufficient_funds",
      });
    },
  );

  it.each(["", "0x", `0x${"0".repeat(64)}`, undefined, null])(
    "that names %j for a transaction names none",
    async (transaction) => {
      const { settle } = facilitatorOf(client(() => refusal("insufficient_funds", transaction)));
      expect(await settle(await signed(), "echo")).toMatchObject({ evidence: "refused" });
    },
  );

  it("is refused by a word that the seller has added for this facilitator", async () => {
    await using facilitator = await listening(json(200, refusal("wallet_frozen")));
    const { url } = facilitator;
    expect(await facilitatorOf(url).settle(await signed(), "echo")).toMatchObject({ evidence: "unclear" });
    const { settle } = facilitatorOf({ url, definite: ["wallet_frozen"] });
    expect(await settle(await signed(), "echo")).toMatchObject({ evidence: "refused" });
  });

  it.each(["invalid_payload", "settlement_pending", "permit2_invalid_nonce", "Not a word", 5])(
    "cannot be refused by the word %j, which a seller may not add",
    (word) => {
      const option = { url: "http://127.0.0.1:9", definite: [word as string] };
      expect(() => endpointsOf(option)).toThrow(/payments\.facilitator\.definite/);
    },
  );

  it("counts 50 words of a facilitator by name, and the others together", async () => {
    let count = 0;
    const { settle, asked } = facilitatorOf(
      client(() => {
        count += 1;
        return refusal(`word_${count}`);
      }),
    );
    const payment = await signed();
    for (let n = 0; n < 60; n += 1) await settle(payment, "echo");
    const words = asked.mock.calls.map(([{ word }]) => word);
    expect([words[49], words[50], new Set(words).size]).toEqual(["word_50", "other", 51]);
  });
});

describe("a successful settlement", () => {
  it.each([1, 2] as const)("of version %i is settled by its transaction", async (version) => {
    const network = version === 1 ? "base-sepolia" : NETWORK;
    const { settle } = facilitatorOf(client(() => ({ ...success, network, amount: "12345" })));
    expect(await settle(await signed(version), "echo")).toEqual({
      evidence: "settled",
      transaction: TRANSACTION,
    });
  });

  it.each([
    ["another network", { network: "eip155:8453" }],
    ["no network", { network: undefined }],
    ["another amount", { amount: "1" }],
    ["an amount that is an object", { amount: { value: "12345" } }],
    ["another asset", { asset: SELLER }],
    ["no transaction", { transaction: "" }],
    ["a transaction that is zero", { transaction: `0x${"0".repeat(64)}` }],
    ["a transaction that is too short", { transaction: "0xabc" }],
    ["a transaction in a list", { transaction: [TRANSACTION] }],
  ])("with %s proves nothing", async (_, changes) => {
    const { settle } = facilitatorOf(client(() => ({ ...success, ...changes })));
    expect(await settle(await signed(), "echo")).toMatchObject({ evidence: "unclear" });
  });

  it("that names another payer is settled, and the other payer is only logged", async () => {
    const { settle, logged } = facilitatorOf(client(() => ({ ...success, payer: SELLER })));
    expect(await settle(await signed(), "echo")).toEqual({ evidence: "settled", transaction: TRANSACTION });
    expect(logged.join()).toContain("another payer");
    const same = facilitatorOf(
      client(() => ({ ...success, payer: buyer.address.toUpperCase().replace("X", "x") })),
    );
    await same.settle(await signed(), "echo");
    expect(same.logged).toEqual([]);
  });
});

describe("a reply that cannot be read", () => {
  const throwing = (name: string): object =>
    Object.defineProperty({ ...success }, name, {
      enumerable: true,
      get() {
        throw new Error("no");
      },
    });
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();

  it.each([
    ["undefined", undefined],
    ["null", null],
    ["a list", [success]],
    ["a text", "success"],
    ["a number", 1],
    ["a function", () => success],
    ["success as text", { ...success, success: "true" }],
    ["no success", { transaction: TRANSACTION, network: NETWORK }],
    ["a success that throws when read", throwing("success")],
    ["a transaction that throws when read", throwing("transaction")],
    ["a transaction without text", { ...success, transaction: Object.create(null) }],
    ["a network without text", { ...success, network: { toString: 1 } }],
    ["a proxy that throws at everything", revoked.proxy],
  ])("proves nothing: %s", async (_, reply) => {
    const { settle, verify } = facilitatorOf(client(() => reply));
    expect(await settle(await signed(), "echo")).toMatchObject({ evidence: "unclear" });
    expect(await verify(await signed(), "echo")).toMatchObject({ verdict: "unavailable" });
  });

  it.each([
    ["an error", new Error("socket hang up")],
    ["nothing", undefined],
    ["a text", "insufficient_funds"],
    ["a proxy that throws at everything", revoked.proxy],
    ["an object that throws when read", throwing("statusCode")],
    // Only a request of our own is known not to have been sent: a client object may have moved the money before.
    [
      "a connection that was refused, in a client object",
      new TypeError("fetch failed", {
        cause: Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", syscall: "connect" }),
      }),
    ],
    ["a status of something else", Object.assign(new Error("relayer"), { statusCode: 404 })],
  ])("proves nothing when a client object throws %s", async (_, thrown) => {
    const { settle, verify } = facilitatorOf(
      client(() => {
        throw thrown;
      }),
    );
    expect(await settle(await signed(), "echo")).toEqual({ evidence: "unclear", reason: "no_reply" });
    expect(await verify(await signed(), "echo")).toEqual({ verdict: "unavailable", reason: "no_reply" });
  });

  it("is judged by its word when a client object throws it as the official client does", async () => {
    const failed = (status: number, reason: string) =>
      facilitatorOf(
        client(() => {
          throw new SettleError(status, refusal(reason) as never);
        }),
      );
    const outcome = async (status: number, reason: string) =>
      (await failed(status, reason).settle(await signed(), "echo")).evidence;
    expect(await outcome(400, "insufficient_funds")).toBe("refused");
    expect(await outcome(500, "insufficient_funds")).toBe("unclear");
    expect(await outcome(404, "settlement_in_progress")).toBe("unclear");
  });
});

describe("over HTTP, a settlement", () => {
  it.each([
    [401, {}, "not-sent"],
    [404, "<html>", "not-sent"],
    [404, refusal("settlement_in_progress"), "unclear"],
    [404, { error: "gone", transaction: TRANSACTION }, "unclear"],
    [400, refusal("insufficient_funds"), "refused"],
    [402, refusal("insufficient_funds"), "refused"],
    [403, refusal("kyt_risk_detected"), "refused"],
    [403, {}, "unclear"],
    [405, "", "unclear"],
    [413, "", "unclear"],
    [400, refusal("invalid_exact_evm_signature"), "not-sent"],
    ...[408, 409, 425, 429, 500, 502, 503, 504].map((status) => [
      status,
      refusal("insufficient_funds"),
      "unclear",
    ]),
    [500, success, "unclear"],
    [200, "<html>", "unclear"],
    [200, success, "settled"],
  ] as [number, object | string, string][])("with status %i and %j is %s", async (status, body, evidence) => {
    await using facilitator = await listening(json(status, body));
    expect(await facilitatorOf(facilitator.url).settle(await signed(), "echo")).toMatchObject({ evidence });
  });

  it("that no server listens to was not sent", async () => {
    const { url, [Symbol.asyncDispose]: close } = await listening(json(200, success));
    await close();
    const { settle, verify, logged } = facilitatorOf(url);
    expect(await settle(await signed(), "echo")).toEqual({
      evidence: "not-sent",
      reason: "connection_failed",
    });
    expect(await verify(await signed(), "echo")).toEqual({
      verdict: "unavailable",
      reason: "connection_failed",
    });
    expect(logged.join()).toContain("ECONNREFUSED");
  });

  it("to a server without a good certificate was not sent", async () => {
    const pem = (name: string) =>
      readFileSync(new URL(`../fixtures/tls/hook.test-${name}.pem`, import.meta.url));
    const server = createTlsServer({ key: pem("key"), cert: pem("cert") }) as unknown as Server;
    await using facilitator = await listening(json(200, success), server);
    const { settle } = facilitatorOf(`https://127.0.0.1:${facilitator.port}`);
    expect(await settle(await signed(), "echo")).toMatchObject({ evidence: "not-sent" });
    expect(facilitator.bodies).toEqual([]);
  });

  it.each([
    ["throws", () => Promise.reject(new Error("no key"))],
    ["returns what is not headers", async () => ({ authorization: "Bearer x" })],
    ["returns a header that cannot be sent", async () => ({ settle: { authorization: "a\nb" } })],
  ])("whose createAuthHeaders %s was not sent", async (_, createAuthHeaders) => {
    await using facilitator = await listening(json(200, success));
    const { settle } = facilitatorOf({ url: facilitator.url, createAuthHeaders } as never);
    expect(await settle(await signed(), "echo")).toEqual({
      evidence: "not-sent",
      reason: "auth_headers_failed",
    });
    expect(facilitator.bodies).toEqual([]);
  });

  it("carries the headers that createAuthHeaders gives for it", async () => {
    const seen: unknown[] = [];
    await using facilitator = await listening((request, response) => {
      seen.push([request.url, request.headers.authorization]);
      json(200, { ...success, isValid: true })(request, response);
    });
    const createAuthHeaders = async () => ({
      verify: { authorization: "v" },
      settle: { authorization: "s" },
    });
    const { settle, verify } = facilitatorOf({ url: `${facilitator.url}/x402/`, createAuthHeaders } as never);
    await verify(await signed(), "echo");
    await settle(await signed(), "echo");
    expect(seen).toEqual([
      ["/x402/verify", "v"],
      ["/x402/settle", "s"],
    ]);
  });

  it("does not follow a redirect with the payment", async () => {
    await using other = await listening(json(200, success));
    await using facilitator = await listening((_, response) =>
      response.writeHead(307, { location: `${other.url}/settle` }).end(),
    );
    expect(await facilitatorOf(facilitator.url).settle(await signed(), "echo")).toMatchObject({
      evidence: "unclear",
    });
    expect(other.bodies).toEqual([]);
  });

  it("whose connection breaks before the reply proves nothing", async () => {
    await using facilitator = await listening((request) => request.socket.destroy());
    expect(await facilitatorOf(facilitator.url).settle(await signed(), "echo")).toEqual({
      evidence: "unclear",
      reason: "no_reply",
    });
  });

  it("whose reply is longer than 256 KiB proves nothing, whatever it says", async () => {
    await using facilitator = await listening(json(200, `${" ".repeat(300_000)}${JSON.stringify(success)}`));
    expect(await facilitatorOf(facilitator.url).settle(await signed(), "echo")).toEqual({
      evidence: "unclear",
      reason: "no_reply",
    });
  });

  it("without a reply is aborted after the timeout, and so is a createAuthHeaders that hangs", async () => {
    const { time, pass } = handTime();
    let closed = false;
    await using facilitator = await listening((_, response) => {
      response.on("close", () => {
        closed = true;
      });
    });
    const hanging = facilitatorOf(facilitator.url, time).settle(await signed(), "echo");
    await expect.poll(() => facilitator.bodies).toHaveLength(1);
    pass(60_000);
    expect(await hanging).toEqual({ evidence: "unclear", reason: "timeout" });
    await expect.poll(() => closed).toBe(true);
    const createAuthHeaders = () => new Promise<never>(() => {});
    const unsent = facilitatorOf({ url: facilitator.url, createAuthHeaders }, time).settle(
      await signed(),
      "echo",
    );
    pass(60_000);
    expect(await unsent).toEqual({ evidence: "not-sent", reason: "auth_headers_failed" });
  });
});

describe("of several facilitators", () => {
  const silent = () =>
    client(() => {
      throw new Error("socket hang up");
    });
  // Nothing listens to this port.
  const unreachable = "http://127.0.0.1:2";

  it("the first that responds verifies", async () => {
    const { verify } = facilitatorOf([
      unreachable,
      silent(),
      client(() => ({ isValid: true, payer: buyer.address })),
    ]);
    expect(await verify(await signed(), "echo")).toEqual({ verdict: "valid", payer: buyer.address });
    const no = facilitatorOf([
      client(() => ({ isValid: false, invalidReason: "insufficient_funds" })),
      silent(),
    ]);
    expect(await no.verify(await signed(), "echo")).toMatchObject({ verdict: "invalid" });
  });

  it("the next settles with the same bytes where one does not reply", async () => {
    const [first, second] = [silent(), client(() => success)];
    const payment = await signed();
    expect(await facilitatorOf([first, second]).settle(payment, "echo")).toMatchObject({
      evidence: "settled",
    });
    expect(second.settle.mock.calls).toEqual(first.settle.mock.calls);
  });

  it("the next is not believed when it refuses what another may have sent", async () => {
    const { settle } = facilitatorOf([silent(), client(() => refusal("insufficient_funds"))]);
    expect(await settle(await signed(), "echo")).toEqual({
      evidence: "unclear",
      reason: "insufficient_funds",
    });
    const unsent = facilitatorOf([silent(), unreachable]);
    expect(await unsent.settle(await signed(), "echo")).toMatchObject({ evidence: "unclear" });
  });

  it("the next is believed when the request to the first was not sent", async () => {
    const { settle } = facilitatorOf([unreachable, client(() => refusal("insufficient_funds"))]);
    expect(await settle(await signed(), "echo")).toMatchObject({ evidence: "refused" });
    expect(await facilitatorOf([unreachable]).settle(await signed(), "echo")).toMatchObject({
      evidence: "not-sent",
    });
  });

  it.each(["insufficient_funds", "settlement_pending"])("the next is not asked after %s", async (word) => {
    const second = client(() => success);
    await facilitatorOf([client(() => refusal(word)), second]).settle(await signed(), "echo");
    expect(second.settle).not.toHaveBeenCalled();
  });

  it("the next is not asked to settle a scheme that may name one facilitator", async () => {
    const second = client(() => success);
    const payment = await signed();
    const upto = { ...payment, requirements: { ...payment.requirements, scheme: "upto" } } as SignedPayment;
    await facilitatorOf([silent(), second]).settle(upto, "echo");
    expect(second.settle).not.toHaveBeenCalled();
  });

  it("one that did not reply is asked last for half a minute", async () => {
    const { time, pass } = handTime();
    const [first, second] = [silent(), client(() => ({ isValid: true }))];
    const { verify } = facilitatorOf([first, second], time);
    const payment = await signed();
    for (let n = 0; n < 3; n += 1) await verify(payment, "echo");
    expect([first.settle.mock.calls.length, second.settle.mock.calls.length]).toEqual([1, 3]);
    pass(30_000);
    await verify(payment, "echo");
    expect(first.settle).toHaveBeenCalledTimes(2);
  });
});

describe("a verification", () => {
  it.each([
    [
      { isValid: true, payer: "" },
      { verdict: "valid", payer: undefined },
    ],
    [
      { isValid: true, payer: 5 },
      { verdict: "valid", payer: undefined },
    ],
    [{ isValid: "true" }, { verdict: "unavailable", reason: "malformed_reply" }],
    [{ isValid: false }, { verdict: "invalid", reason: "invalid_payment" }],
    [
      { isValid: false, invalidReason: "some_word" },
      { verdict: "invalid", reason: "some_word" },
    ],
    [
      { isValid: false, invalidReason: "FiatTokenV2: authorization is used or canceled" },
      { verdict: "invalid", reason: "nonce_already_used" },
    ],
    [
      { isValid: false, invalidReason: "Insufficient balance: 3 < 10000" },
      { verdict: "invalid", reason: "insufficient_funds" },
    ],
    [
      { isValid: false, invalidReason: "Error at https://node.example/key" },
      { verdict: "invalid", reason: "unrecognized_reply" },
    ],
  ])("with %j is %j", async (reply, verdict) => {
    expect(await facilitatorOf(client(() => reply)).verify(await signed(), "echo")).toEqual(verdict);
  });

  it("is unavailable when a gateway may have replied", async () => {
    await using facilitator = await listening(json(429, { isValid: false, invalidReason: "some_word" }));
    expect(await facilitatorOf(facilitator.url).verify(await signed(), "echo")).toEqual({
      verdict: "unavailable",
      reason: "http_429",
    });
  });
});

describe("payments.facilitator", () => {
  it.each([
    ["an empty list", []],
    ["nothing", undefined],
    ["an object without URL", {}],
    ["an empty URL", ""],
    ["a URL of another protocol", { url: "ftp://127.0.0.1" }],
  ])("is not %s", (_, given) => {
    expect(() => endpointsOf(given as never)).toThrow(/payments\.facilitator/);
  });
});
