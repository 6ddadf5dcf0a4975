import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { childLogger } from "../../src/telemetry/log.ts";
import { withoutInput } from "../../src/telemetry/redact.ts";

/** What libraries throw that is not an Error: an answer that knows its request, which knows its answer. */
function ring(): object {
  const response: Record<string, unknown> = { status: 500 };
  response.request = { url: "http://x.test", response };
  return response;
}

const CANARY = "canary-6f1b9c";

describe("what is logged of what a handler throws", () => {
  it("has no text of the input in any form in which errors quote it", () => {
    const input = {
      prompt: `my "secret"\n${CANARY} é`,
      tags: { "alice@example.com": true },
      number: 123_456,
    };
    const { prompt, number } = input;
    const error = new Error(
      `${prompt}; ${JSON.stringify(input)}; ?q=${encodeURIComponent(prompt)}; ${number}`,
    );
    const text = JSON.stringify(withoutInput(error, input));
    for (const secret of [CANARY, "alice@example.com", "123456"]) expect(text).not.toContain(secret);
    expect(text).toContain("redact.test.ts");
  });

  it.each<[string, () => unknown]>([
    ["an object that refers to itself", ring],
    [
      "an object whose members throw",
      () => Object.defineProperty({}, "x", { enumerable: true, get: () => expect.fail("read") }),
    ],
    ["an error whose message is not text", () => Object.assign(new Error("x"), { message: { a: 1 } })],
    ["an error that is its own cause", () => Object.assign(new Error("x"), { cause: undefined })],
    ["a symbol", () => Symbol("x")],
    [
      "an object of a million members",
      () => Object.fromEntries(Array.from({ length: 1e6 }, (_, i) => [i, {}])),
    ],
  ])("can be written as JSON, and is short, for %s", (_, make) => {
    const error = make();
    if (error instanceof Error && "cause" in error) error.cause = error;
    const text = JSON.stringify({ error: withoutInput(error, { text: CANARY }) });
    expect(text.length).toBeLessThan(100_000);
  });

  it("takes an input that refers to itself", () => {
    const input: Record<string, unknown> = { text: CANARY };
    input.self = input;
    expect(withoutInput(`no ${CANARY}`, input)).toBe("no [input]");
  });

  it("keeps where an error was thrown, but no text, of what is said over very many texts", () => {
    const words = Array.from({ length: 90_000 }, (_, index) => `w${(index * 7919).toString(36)}`);
    const error = new Error(`upstream refused: ${JSON.stringify({ words })}`);
    expect(withoutInput(error, { words })).toEqual({
      name: "Error",
      message: "[removed]",
      stack: expect.stringMatching(/^ {4}at .*redact\.test\.ts/),
    });
  });

  it("never holds a text of the input, whatever was thrown over whatever input", () => {
    const texts = fc.array(fc.string({ minLength: 4, unit: "binary" }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(texts, fc.anything(), (secrets, noise) => {
        const marked = secrets.map((text) => `${CANARY}${text}`);
        const error = { noise, message: marked.join(" and "), cause: new Error(JSON.stringify(marked)) };
        expect(JSON.stringify({ one: withoutInput(error, marked) })).not.toContain(CANARY);
      }),
    );
  });
});

describe("a log that cannot be written", () => {
  it("decides nothing", () => {
    const full = (): void => {
      throw new Error("ENOSPC: no space left on device");
    };
    const log = childLogger({ debug: full, info: full, warn: full, error: full }, {});
    for (const level of ["debug", "info", "warn", "error"] as const) log[level]({}, "said");
  });
});
