import { expect, it } from "vitest";
import { fuzz } from "./fuzz-run.ts";

const SEED = 20_261_129;
const INPUTS = 20_000;

it(`answers ${INPUTS} odd requests without an error of its own, and runs nothing unpaid`, async () => {
  const { failed, unpaid, settlements, errors, blockMs, heapMb } = await fuzz(INPUTS, SEED);
  expect(failed.slice(0, 3)).toEqual([]);
  expect(unpaid).toEqual({});
  expect(settlements).toBe(0);
  expect(errors.slice(0, 3)).toEqual([]);
  const [before, after] = heapMb;
  expect(after - before).toBeLessThan(30);
  process.stdout.write(`longest event-loop block: ${Math.round(blockMs)} ms\n`);
});
