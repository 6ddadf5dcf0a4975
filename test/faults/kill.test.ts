import { expect, it } from "vitest";
import { FAULT_POINTS } from "../../src/testing/index.ts";
import { kill } from "./kill.ts";

it("a server killed with SIGKILL at every named point leaves no purchase unpaid, unanswered or paid twice, on a real chain", async () => {
  const { wrong, points } = await kill({ purchases: 40 });
  expect(wrong).toEqual([]);
  expect(points.size).toBe(FAULT_POINTS.length);
}, 600_000);
