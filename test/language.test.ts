import { describe, expect, it } from "vitest";
import words from "./language.json" with { type: "json" };
import { files, findingsIn, read } from "./language.ts";

describe("every text follows the word list in language.json", () => {
  it("in the whole tree", () => {
    const wrong = files.flatMap((file) =>
      findingsIn(file, read(file)).map(
        ({ line, text, write }) => `${file}:${line}: "${text}". Write: ${write}`,
      ),
    );
    expect(wrong).toEqual([]);
  });

  it("and each exception is in use", () => {
    const unused = words.allowed.filter(
      ({ file, text }) => !files.includes(file) || !read(file).toLowerCase().includes(text.toLowerCase()),
    );
    expect(unused).toEqual([]);
  });
});

describe("the word list finds", () => {
  // Joined from parts, so that this file follows the list.
  it.each([
    ["a phrase in a comment", `// It is tried on${""}ce more.`],
    ["a phrase that breaks across two lines of a comment", `/**\n * It is tried on${""}ce\n * more.\n */`],
    ["a phrase in a string", `throw new Error("This store is n${""}o store.");`],
    ["a phrase in a template", `const said = \`\${name} waits in va${""}in\`;`],
    ["a word in a test name", `it("waits for n${""}obody", () => {});`],
    ["a word inside a name", `const is${"Carry"}ing = true;`],
    ["a word in a constant", `const ${"LONGEST"}_PAUSE = 1;`],
  ])("%s", (_, text) => {
    expect(findingsIn("src/sample.ts", text)).toHaveLength(1);
  });

  it.each([
    [
      "plain sentences",
      "// The store no longer has the call. There is no call with this id. Is it as long as it is wide?",
    ],
    ["words that only contain one", 'const amendment = "a bearer token recommends";'],
    ["a listed name in prose", "// There is room for one more visit."],
  ])("nothing in %s", (_, text) => {
    expect(findingsIn("src/sample.ts", text)).toEqual([]);
  });
});
