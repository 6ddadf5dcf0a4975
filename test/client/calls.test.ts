import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type Calls, memoryCalls, type StorageLike, storageCalls } from "resource402/client";
import { fileCalls } from "resource402/node";
import { afterAll, describe, expect, it } from "vitest";
import { savedCall } from "./saved-call.ts";

const directories: string[] = [];

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "resource402-calls-"));
  directories.push(directory);
  return directory;
}

afterAll(() => Promise.all(directories.map((one) => rm(one, { recursive: true, force: true }))));

/** As in a browser: text by text, in an order of its own. */
function storage(): StorageLike {
  const items = new Map<string, string>();
  return {
    get length() {
      return items.size;
    },
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

const places: [string, () => Promise<Calls>][] = [
  ["memoryCalls", async () => memoryCalls()],
  ["storageCalls", async () => storageCalls(storage())],
  ["fileCalls", async () => fileCalls(join(await newDirectory(), "made", "when missing"))],
];

describe.each(places)("%s", (_, open) => {
  it("gives back what it was given", async () => {
    const calls = await open();
    const job = {
      resource: "echo",
      jobId: "job_1",
      statusUrl: "https://api.test/v1/jobs/1",
      idempotencyKey: "key-2",
    };
    const given = [savedCall(1), savedCall(2, "p", { job })];
    for (const call of given) expect(await calls.add(call)).toEqual(call);
    const listed = [...(await calls.list())].sort((a, b) => a.idempotencyKey.localeCompare(b.idempotencyKey));
    expect(listed).toEqual(given);
    expect(await calls.find(savedCall(2))).toEqual(given[1]);
    expect(await calls.find(savedCall(3))).toBeUndefined();
  });

  it("stores the first of two calls of one name, and gives it to whoever adds the second", async () => {
    const calls = await open();
    await calls.add(savedCall(1, "first"));
    expect((await calls.add(savedCall(1, "second"))).payment.header).toBe("first");
    const raced = await Promise.all(["a", "b", "c"].map((header) => calls.add(savedCall(2, header))));
    expect(new Set(raced.map(({ payment }) => payment.header)).size).toBe(1);
    expect(await calls.list()).toHaveLength(2);
  });

  it("tells calls apart by key, resource and address", async () => {
    const calls = await open();
    const own = savedCall(1);
    const others = [{ resource: "other" }, { baseUrl: "https://other.test" }, { idempotencyKey: "other" }];
    for (const change of [{}, ...others]) await calls.add({ ...own, ...change });
    expect(await calls.list()).toHaveLength(4);
    await calls.remove(own);
    expect(await calls.find(own)).toBeUndefined();
    expect(await calls.list()).toHaveLength(3);
  });

  it("replaces a call, unless another payment has taken its place", async () => {
    const calls = await open();
    const first = await calls.add(savedCall(1, "first"));
    expect((await calls.replace(first, savedCall(1, "second"))).payment.header).toBe("second");
    expect((await calls.replace(first, savedCall(1, "third"))).payment.header).toBe("second");
    expect((await calls.list()).map(({ payment }) => payment.header)).toEqual(["second"]);
    const raced = await Promise.all(
      ["a", "b", "c"].map((header) => calls.replace(savedCall(1, "second"), savedCall(1, header))),
    );
    expect(new Set(raced.map(({ payment }) => payment.header)).size).toBe(1);
  });

  it("forgets a call, unless another payment has taken its place", async () => {
    const calls = await open();
    const first = await calls.add(savedCall(1, "first"));
    const second = await calls.replace(first, savedCall(1, "second"));
    await calls.remove(first);
    expect(await calls.list()).toEqual([second]);
    await calls.remove(second);
    await calls.remove(second);
    expect(await calls.list()).toEqual([]);
    expect((await calls.add(savedCall(1, "second"))).payment.header).toBe("second");
  });
});

describe("storageCalls", () => {
  it("leaves alone what is not its own, and what it cannot read", async () => {
    const items = storage();
    const calls = storageCalls(items, "shop:");
    await calls.add(savedCall(1));
    await storageCalls(items, "club:").add(savedCall(1));
    items.setItem("theme", "dark");
    items.setItem("shop:broken", '{"version":1,"reso');
    items.setItem("shop:later", JSON.stringify({ ...savedCall(2), version: 2 }));
    expect(await calls.list()).toEqual([savedCall(1)]);
    expect(items.length).toBe(5);
  });

  it("says so when there is no room", async () => {
    const full = {
      ...storage(),
      setItem: () => {
        throw new Error("QuotaExceededError");
      },
    };
    await expect(storageCalls(full).add(savedCall(1))).rejects.toThrow("Quota");
  });
});

/** Processes on one directory that go on at the same moment, the first upwards; each tells what it was given, by call. */
async function run(
  directory: string,
  names: readonly string[],
  count: number,
  what: "add" | "replace",
): Promise<{ children: ChildProcess[]; told: Promise<{ n: number; header: string }[]>[] }> {
  const script = fileURLToPath(new URL("./add-calls.ts", import.meta.url));
  const children = names.map((name, at) => {
    const words = [directory, name, String(count), what, at === 0 ? "up" : "down"];
    return spawn(process.execPath, ["--no-warnings", script, ...words]);
  });
  const told = children.map(async (child) => {
    const lines: string[] = [];
    const end = once(child, "close");
    createInterface(child.stdout).on("line", (line) => lines.push(line));
    await end;
    // What a killed process was writing may be cut off.
    return lines
      .filter((line) => line.endsWith("}"))
      .map((line) => JSON.parse(line))
      .sort((a, b) => a.n - b.n);
  });
  await Promise.all(children.map((child) => once(child.stdout, "data")));
  for (const child of children) child.stdin.write("go\n");
  return { children, told };
}

describe("fileCalls", () => {
  it.each(["add", "replace"] as const)(
    "shared by two processes that %s the same calls at once gives both the same payment, and loses none",
    async (what) => {
      const directory = await newDirectory();
      const calls = fileCalls(directory);
      if (what === "replace") for (let n = 0; n < 100; n += 1) await calls.add(savedCall(n));
      const { told } = await run(directory, ["left", "right"], 100, what);
      const [left = [], right = []] = await Promise.all(told);
      expect(left).toHaveLength(100);
      expect(right).toEqual(left);
      const winners = new Set(left.map(({ header }) => header.split(" of ")[1]));
      expect([...winners].sort()).toEqual(["left", "right"]);
      const stored = (await calls.list()).map(({ payment }) => payment.header).sort();
      expect(stored).toEqual(left.map(({ header }) => header).sort());
    },
  );

  it("keeps every call that it has said to keep, and no half of one, when its process is killed in the middle", async () => {
    for (let round = 0; round < 5; round += 1) {
      const directory = await newDirectory();
      const { children, told } = await run(directory, ["killed"], 100_000, "add");
      // From the first that it has stored on, at any moment.
      await once(children[0]?.stdout as Readable, "data");
      setTimeout(() => children[0]?.kill("SIGKILL"), Math.random() * 40);
      const [kept = []] = await Promise.all(told);
      const unreadable: string[] = [];
      const calls = fileCalls(directory, { onUnreadable: (path) => unreadable.push(path) });
      const stored = new Set((await calls.list()).map(({ payment }) => payment.header));
      expect(kept.length).toBeGreaterThan(0);
      expect(kept.filter(({ header }) => !stored.has(header))).toEqual([]);
      expect(unreadable).toEqual([]);
    }
  });

  it("reports what it cannot read, goes on without it, and leaves it where it is", async () => {
    const directory = await newDirectory();
    const unreadable: string[] = [];
    const calls = fileCalls(directory, { onUnreadable: (path) => unreadable.push(path) });
    await calls.add(savedCall(1));
    const [half = ""] = await readdir(directory);
    await truncate(join(directory, half), 40);
    await calls.add(savedCall(2));
    await writeFile(join(directory, `${"0".repeat(64)}.0.json`), JSON.stringify(savedCall(3)));
    await writeFile(join(directory, "notes.txt"), "mine");
    expect(await calls.list()).toEqual([savedCall(2)]);
    expect(unreadable.sort()).toEqual(
      [join(directory, `${"0".repeat(64)}.0.json`), join(directory, half)].sort(),
    );
    // The same call can be made again, and ended; the damaged file stays.
    await calls.add(savedCall(1, "second"));
    expect((await calls.find(savedCall(1)))?.payment.header).toBe("second");
    await calls.remove(savedCall(1, "second"));
    expect((await readFile(join(directory, half))).byteLength).toBe(40);
    expect(await readdir(directory)).toHaveLength(4);
  });

  it("lets no other user read what it holds, and leaves no drafts", async () => {
    const directory = join(await newDirectory(), "calls");
    await fileCalls(directory).add(savedCall(1));
    const files = await readdir(directory);
    expect(files).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.0\.json$/)]);
    const modes = await Promise.all([directory, join(directory, files[0] ?? "")].map((path) => stat(path)));
    expect(modes.map(({ mode }) => (mode & 0o777).toString(8))).toEqual(["700", "600"]);
  });

  it("says so when it cannot store", async () => {
    const file = join(await newDirectory(), "a file");
    await writeFile(file, "");
    await expect(fileCalls(join(file, "calls")).add(savedCall(1))).rejects.toThrow(/ENOTDIR|EEXIST/);
  });
});
