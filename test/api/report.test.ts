import { expect, it } from "vitest";
import { changesOf, reportsOf } from "./report.ts";

const DECLARED = `import { a as Price } from './price-DA1__3cf.js';
/** What a call costs. */
export interface Quote { readonly price: Price }
`;

it("reports declarations without comments, and without what changes in each build", () => {
  const [one, other] = ["DA1__3cf", "Bx0-9_zz"].map((hash) =>
    reportsOf(new Map([["quote.d.ts", DECLARED.replace("DA1__3cf", hash)]])),
  );
  expect(one).toEqual(other);
  expect(one?.get("quote.api.txt")).toBe(`import { a as Price } from "./price.js";
export interface Quote {
    readonly price: Price;
}
`);
});

it("names the report and the lines of a type that has changed", () => {
  const before = reportsOf(new Map([["quote.d.ts", DECLARED]]));
  const after = reportsOf(new Map([["quote.d.ts", DECLARED.replace("price: Price", "price?: Price")]]));
  expect(changesOf(before, before)).toEqual([]);
  expect(changesOf(before, after)).toEqual([
    "test/api/quote.api.txt",
    "-     readonly price: Price;",
    "+     readonly price?: Price;",
  ]);
});

it("reports an entry that is gone", () => {
  expect(changesOf(new Map([["evm.api.txt", "export {};"]]), new Map())).toEqual([
    "test/api/evm.api.txt",
    "- export {};",
    "+ ",
  ]);
});
