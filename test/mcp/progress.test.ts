import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createToolProgress } from "../../codegen/mcp/progress.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("rises with every notice, whatever the percentage does, and says nothing twice", () => {
  const notices: [number, string][] = [];
  const { tell, end } = createToolProgress((progress, message) => notices.push([progress, message]), 1_000);
  tell(0, "queued");
  tell(0, "queued");
  tell(40, "drawing");
  tell(40, "colouring");
  tell(40, "colouring");
  expect(notices).toEqual([
    [0, "queued"],
    [40, "drawing"],
    [40.01, "colouring"],
  ]);
  end();
});

it("gives a sign of life while nothing moves, until it has ended", () => {
  const notices: [number, string][] = [];
  const { tell, end } = createToolProgress((progress, message) => notices.push([progress, message]), 1_000);
  vi.advanceTimersByTime(1_000);
  tell(10, "drawing");
  vi.advanceTimersByTime(2_000);
  end();
  vi.advanceTimersByTime(5_000);
  expect(notices).toEqual([
    [0.01, "waiting"],
    [10, "drawing"],
    [10.01, "drawing"],
    [10.02, "drawing"],
  ]);
});
