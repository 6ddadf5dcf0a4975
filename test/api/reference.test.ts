import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { publicNames, reportedNames } from "./public-names.ts";
import { REFERENCE, reference, referenceOf } from "./reference.ts";

const root = new URL("../../", import.meta.url);
const docs = new URL("docs/", root);
const names = publicNames();
/** Exports, and their members. */
const known = new Set(
  readdirSync(new URL("./", import.meta.url))
    .filter((file) => file.endsWith(".api.txt"))
    .flatMap((file) => readFileSync(new URL(file, import.meta.url), "utf8").match(/\w+/g) ?? []),
);

/** These pages are about the code inside, which users cannot import. */
const INSIDE = ["architecture.md", "contributing.md", "money.md", "reference.md"];
const pages = [
  "README.md",
  ...readdirSync(docs)
    .filter((file) => file.endsWith(".md") && !INSIDE.includes(file))
    .map((file) => `docs/${file}`),
].map((file) => ({ file, text: readFileSync(new URL(file, root), "utf8") }));

/** Names that look like exports and are something else. */
const OTHERS = new Set([
  // Generated for each API.
  ...["createServer", "createClient", "Handlers"],
  // Of other packages.
  ...["LocalAccount", "GatewayWalletBatched", "createCdpFacilitatorClient", "createFacilitatorConfig"],
  ...["declareDiscoveryExtension", "wrapFetchWithPayment"],
]);

describe("the reference", () => {
  it.each([...names.keys()])("lists every name that the API report of %s exports", (entry) => {
    expect((names.get(entry) ?? []).map(({ name }) => name).sort()).toEqual(reportedNames(entry));
  });

  it("has a sentence of JSDoc for each of them", () => {
    const bare = [...names.values()].flat().filter(({ sentence }) => !/\w.*\.$/.test(sentence));
    expect(bare.map(({ name, file }) => `${file}: ${name}`)).toEqual([]);
  });

  it("is up to date; `npm run reference` writes it", () => {
    expect(readFileSync(REFERENCE, "utf8")).toBe(reference());
  });

  it("describes a name once that two entries export", () => {
    const one = { name: "Store", kind: "type", sentence: "A `Map<A | B>`.", file: "src/a.ts" } as const;
    const text = referenceOf(
      new Map([
        ["resource402", [one]],
        ["resource402/server", [one]],
      ]),
    );
    expect(text).toContain('| <a id="Store"></a>[`Store`](../src/a.ts) | A `Map<A \\| B>`. |');
    expect(text).toContain("| [`Store`](#Store) | See above. |");
  });
});

describe("the documentation", () => {
  it("imports only names that the entry exports", () => {
    const unknown = pages.flatMap(({ file, text }) =>
      [...text.matchAll(/import (?:type )?\{([^}]+)\} from "(resource402(?:\/\w+)?)"/g)].flatMap(
        ([, list = "", entry = ""]) => {
          const exported = (names.get(entry) ?? []).map(({ name }) => name);
          return list
            .split(",")
            .map((name) => name.trim().replace(/^type /, ""))
            .filter((name) => name !== "" && !exported.includes(name))
            .map((name) => `${file}: ${name} from ${entry}`);
        },
      ),
    );
    expect(unknown).toEqual([]);
  });

  it("names no function or type that does not exist", () => {
    const unknown = pages.flatMap(({ file, text }) =>
      exportsIn(text)
        .filter((name) => !known.has(name) && !OTHERS.has(name))
        .map((name) => `${file}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it("that it does not exist is noticed", () => {
    const text = "Write `sqliteStor(path)` or `EvmPayerOption`, and `client.pending()` for `fetch`.";
    expect(exportsIn(text)).toEqual(["sqliteStor", "EvmPayerOption"]);
  });
});

/** Inline code that looks like an export: a type in PascalCase, or a call of a function in camelCase. */
function exportsIn(text: string): string[] {
  const prose = text.replace(/```[\s\S]*?```/g, "");
  return [...prose.matchAll(/`(?:((?:[A-Z][a-z0-9]+){2,})|([a-z]+[A-Z]\w*)\([^`]*)`/g)].map(
    ([, type, call]) => type ?? call ?? "",
  );
}
