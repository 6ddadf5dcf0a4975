import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { connect } from "resource402/client";
import { expect, it } from "vitest";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

it("an abort ends an attempt that was sent again, whatever has been collected since", async () => {
  const controller = new AbortController();
  const held: Request[] = [];
  let sent = 0;
  let second: (value: unknown) => void = () => {};
  const begun = new Promise((resolve) => {
    second = resolve;
  });
  const { resource } = connect({
    baseUrl: "http://shop.test",
    attemptMs: 100_000,
    // As the platform's fetch has it: it makes a request of its own, and goes by its signal.
    fetch: async (input, init) => {
      sent += 1;
      if (sent === 1) return new Response("{}", { status: 503, headers: { "retry-after": "0" } });
      const request = new Request(input, init);
      held.push(request);
      const { signal } = request;
      second(undefined);
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    },
  });
  const echo = resource({ name: "echo", method: "POST", path: "/v1/echo", price: { kind: "free" } });
  const called = echo({}, { signal: controller.signal }).catch((error: unknown) => error);
  await begun;
  for (let round = 0; round < 5; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    collect();
  }
  const reason = new Error("enough");
  controller.abort(reason);
  const late = new Promise((resolve) => setTimeout(() => resolve("still waiting"), 5_000));
  expect(await Promise.race([called, late])).toBe(reason);
});
