import { expect, it } from "vitest";
import left from "./wording.json" with { type: "json" };
import { repeatedIn, sourcesOf, wording } from "./wording.ts";

/** Files of other programs, and of sellers. */
const OTHERS = /node_modules|^test\/(golden|fixtures|site|strangers|package\/fixture|runtimes|machine)\//;

const said = wording();

it("every sentence of the code stands in the golden file", async () => {
  await expect(said).toMatchFileSnapshot("golden/wording.txt");
});

it("tests assert codes, places and data, and repeat no sentence of the code", () => {
  const counts = repeatedIn(
    sourcesOf(["test"]).filter((file) => !OTHERS.test(file)),
    said,
  );
  const allowed: Readonly<Record<string, number>> = left;
  expect(Object.entries(counts).filter(([file, count]) => count > (allowed[file] ?? 0))).toEqual([]);
  // The list of what is left shrinks: a file without such a sentence leaves it.
  expect(Object.keys(allowed).filter((file) => counts[file] === undefined)).toEqual([]);
});
