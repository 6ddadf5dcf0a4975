import { describe, expect, it } from "vitest";
import { cell, code, jsdoc, jsonText, key, literal, shell } from "../../codegen/print.ts";

describe("text gets into code without harm", () => {
  it.each<[string, readonly string[], string]>([
    ["one line", ["One."], "/** One. */\n"],
    ["several lines", ["One.", "", "Two."], "/**\n * One.\n *\n * Two.\n */\n"],
    ["the end of a comment", ["a */ b"], "/** a *\\/ b */\n"],
    ["line breaks of every kind", ["a\r\nb\rc\u2028d"], "/**\n * a\n * b\n * c\n * d\n */\n"],
    ["nothing", ["", ""], ""],
  ])("as a comment: %s", (_, given, want) => {
    expect(jsdoc(given)).toBe(want);
  });

  it.each([
    ["plain", "plain"],
    ["$dollar_1", "$dollar_1"],
    ["content-type", '"content-type"'],
    ["2nd", '"2nd"'],
    ["größe", '"größe"'],
    ['a"b', '"a\\"b"'],
    ["", '""'],
    ["__proto__", '["__proto__"]'],
  ])("as a key: %s", (given, want) => {
    expect(key(given)).toBe(want);
    const value = new Function(`return { ${key(given)}: 1 }`)() as object;
    expect(Object.hasOwn(value, given)).toBe(true);
  });

  it("as a literal that stays within the line", () => {
    const value = { a: "x".repeat(60), b: ["y".repeat(60)], c: undefined, d: { e: null } };
    expect(literal(value, "  ")).toBe(
      `{\n    a: "${"x".repeat(60)}",\n    b: ["${"y".repeat(60)}"],\n    d: { e: null },\n  }`,
    );
    expect(literal({ a: [1, true, null], b: {} })).toBe("{ a: [1, true, null], b: {} }");
  });

  it("as JSON that any reader reads alike", () => {
    const value = {
      text: 'a "b" \\ \u2028',
      list: Array.from({ length: 60 }, (_, index) => index),
      empty: [],
    };
    expect(JSON.parse(jsonText(value))).toEqual(value);
    expect(
      Math.max(
        ...jsonText(value)
          .split("\n")
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(110);
  });
});

describe("text gets into Markdown without harm", () => {
  it.each([
    ["a|b", "a\\|b"],
    ["two\nlines", "two lines"],
    [" blanks ", "blanks"],
  ])("as a cell: %j", (given, want) => {
    expect(cell(given)).toBe(want);
  });

  it.each([
    ["plain", "`plain`"],
    ["a`b", "`` a`b ``"],
    ["``", "``` `` ```"],
  ])("as code: %s", (given, want) => {
    expect(code(given)).toBe(want);
  });
});

it("text gets into a shell as one word", () => {
  expect(shell("it's $HOME")).toBe("'it'\\''s $HOME'");
});
