import { expect, it } from "vitest";
import { memoryDisk } from "./power.ts";
import { POWER_CUTS } from "./power-cases.ts";

/** `POWER_EVERY=1` runs all cases, some thousands. */
const EVERY = Number(process.env.POWER_EVERY ?? 37);

it.each(POWER_CUTS)(
  "keeps the money rules when relaxed writes are lost during $name",
  async ({ run }) => {
    expect(await run(EVERY)).toEqual([]);
  },
  240_000,
);

it("a memory disk goes back to any relaxed write, and never before a durable one", async () => {
  const disk = memoryDisk();
  const store = disk.open();
  const heard: unknown[] = [];
  store.watch((event) => heard.push(event));
  await store.attend("srv_1", 60_000, true);
  await store.claimJobs({ owner: "srv_1", limit: 1 });
  await store.attend("srv_2", 60_000, true);
  await store.attend("srv_3", 60_000, true);
  expect(await store.workers()).toBe(3);
  expect(disk.cut(() => 1)).toBe(1);
  expect(await store.workers()).toBe(2);
  expect(disk.cut((relaxed) => relaxed)).toBe(0);
  await store.attend("srv_2", 0);
  expect(disk.cut((relaxed) => relaxed + 5)).toBe(1);
  expect(await store.workers()).toBe(2);
  expect(heard).toEqual([undefined, undefined, undefined]);
});
