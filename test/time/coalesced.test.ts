import { describe, expect, it } from "vitest";
import { coalesced } from "../../src/time/coalesced.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("a coalesced run", () => {
  function open() {
    const ends: { done: () => void; failed: (error: Error) => void }[] = [];
    const run = coalesced(() => new Promise<void>((done, failed) => void ends.push({ done, failed })));
    return { run, ends };
  }

  it("begins at once, and what comes during it shares one run after it", async () => {
    const { run, ends } = open();
    const first = run();
    const later = [run(), run(), run()];
    expect(ends).toHaveLength(1);
    ends[0]?.done();
    await first;
    await turn();
    expect(ends).toHaveLength(2);
    ends[1]?.done();
    await Promise.all(later);
    expect(ends).toHaveLength(2);
    void run();
    expect(ends).toHaveLength(3);
  });

  it("goes on after a run that rejects, which only its own callers hear", async () => {
    const { run, ends } = open();
    const first = run();
    const second = run();
    ends[0]?.failed(new Error("away"));
    await expect(first).rejects.toThrow("away");
    await turn();
    ends[1]?.done();
    await expect(second).resolves.toBeUndefined();
  });
});
