import { once } from "node:events";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ServedShop, serveShop, stateOf } from "./served.ts";
import { until } from "./shop.ts";

const KEY = "RESOURCE402_WALLET_KEY";
let served: ServedShop;

beforeAll(async () => {
  served = await serveShop();
  process.env.XDG_STATE_HOME = stateOf(served.project);
  process.env[KEY] = served.key;
});

afterAll(async () => {
  delete process.env[KEY];
  delete process.env.XDG_STATE_HOME;
  await served[Symbol.asyncDispose]();
});

/** Answers to what was paid are lost; tells how many there were. */
function loseAnswers(): () => number {
  const { shop } = served;
  const through = shop.network;
  let lost = 0;
  shop.network = async (request) => {
    const answer = await through(request);
    if (!request.headers.has("payment-signature")) return answer;
    lost += 1;
    return new Promise(() => {});
  };
  return () => lost;
}

it("a command that comes back for an answer, and is stopped again, does not say that nothing was paid", async () => {
  const lost = loseAnswers();
  /** Runs the command until its payment has been taken, stops it, and gives what it has said. */
  const stopped = async (words: readonly string[], nth: number): Promise<string> => {
    const { process, until: untilSaid } = served.project.start(...words);
    const ended = once(process, "close");
    await until(
      async () => lost(),
      (count) => count === nth,
    );
    process.kill("SIGINT");
    expect(await ended).toEqual([130, null]);
    return untilSaid("--idempotency-key pay_");
  };
  const said = await stopped(["call", "translate", "-f", "words=ink", "--yes", "--base-url", served.url], 1);
  const [, line = ""] = /resource402 (call translate .*--idempotency-key pay_.*)/.exec(said) ?? [];
  expect(line).not.toBe("");
  const again = await stopped([...line.trim().split(" "), "--yes"], 2);
  expect(await served.paid()).toBe(1_500n);
  expect(again).toContain("A payment of 0.0015 USDC was signed. It is not known whether it was charged.");
  expect(again).not.toContain("Nothing was paid");
});
