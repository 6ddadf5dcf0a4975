import { describe, expect, it } from "vitest";
import { encodeHeader } from "../../src/protocol/index.ts";
import { differences, type Reply, reversals } from "./replays.ts";

let turn = 0;

/** An answer that was asked for after the one before. */
function reply(paymentState: string, more: Partial<Reply> = {}): Reply {
  turn += 2;
  const body = JSON.stringify({ jobId: "1", paymentState, code: "x" });
  return { ...{ asked: turn, answered: turn + 1, status: 202, headers: new Headers(), body }, ...more };
}

const receipt = (transaction: string) =>
  new Headers({ "payment-response": encodeHeader({ success: true, transaction }) });

describe("answers to one payment", () => {
  it("may move the word about the money forward", () => {
    const words = ["in_flight", "in_flight", "settled", "refund_owed", "refunded", "refunded"];
    const replies = words.map((word) => reply(word));
    expect(reversals(replies)).toEqual([]);
    expect(differences(replies)).toEqual([]);
  });

  it.each([
    ["settled", "in_flight"],
    ["settled", "unused"],
    ["refunded", "refund_owed"],
    ["unused", "settled"],
    ["refund_owed", "settled"],
  ])("may not say %s and then %s", (before, after) => {
    expect(reversals([reply(before), reply(after)])).toEqual([`202 ${before}, then 202 ${after}`]);
  });

  it("may settle a payment that a 503 has asked to send again", () => {
    expect(reversals([reply("unused", { status: 503 }), reply("settled")])).toEqual([]);
    expect(reversals([reply("unused", { status: 402 }), reply("settled")])).toHaveLength(1);
  });

  it("have no order while both are on their way", () => {
    const first = reply("settled");
    expect(reversals([first, reply("in_flight", { asked: first.asked })])).toEqual([]);
  });

  it("may not name another transaction", () => {
    const replies = [
      reply("settled", { headers: receipt("0x1") }),
      reply("settled", { headers: receipt("0x2") }),
    ];
    expect(reversals(replies)).toEqual(["transaction 0x1, then 0x2"]);
  });

  it("are equal to the byte but for the word about the money", () => {
    const other = reply("settled", { body: '{"jobId":"2","paymentState":"settled","code":"x"}' });
    expect(differences([reply("settled"), other])).toHaveLength(1);
  });
});
