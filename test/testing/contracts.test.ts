import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { renderArtifacts } from "../../src/testing/contracts/compile.ts";

it("the committed artifacts are what the contracts compile to", () => {
  const committed = readFileSync(
    new URL("../../src/testing/contracts/artifacts.gen.ts", import.meta.url),
    "utf8",
  );
  // Compared outside of the matcher: a diff of two lines of bytecode says nothing to anyone.
  expect(committed === renderArtifacts(), "stale: run node src/testing/contracts/compile.ts").toBe(true);
});
