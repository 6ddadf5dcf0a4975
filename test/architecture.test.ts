import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Source files of a folder, by path from the root. */
function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

/** What a file imports: paths from the root for our own files, package names for others. */
function importsOf(file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(root, file), "utf8"), true, true);
  return importedFiles.map(({ fileName }) =>
    fileName.startsWith(".") ? relative(root, join(root, dirname(file), fileName)) : fileName,
  );
}

const all = ["schema", "codegen", "src"]
  .flatMap(sources)
  // What the build writes, and how.
  .filter((file) => !/^codegen\/(dist\/|tsup\.config\.ts$)/.test(file));

/** Files below `from` may import, of our own, only what one of `allowed` matches. */
function only(from: string, allowed: readonly RegExp[]): string[] {
  const own = /^(schema|codegen|src|test|examples|bench)\//;
  return all
    .filter((file) => file.startsWith(from))
    .flatMap((file) =>
      importsOf(file)
        .filter((target) => own.test(target) && !allowed.some((pattern) => pattern.test(target)))
        .map((target) => `${file} imports ${target}`),
    );
}

/** Files for which `from` is true may not import a package that `forbidden` matches. */
function without(from: (file: string) => boolean, forbidden: RegExp): string[] {
  return all.filter(from).flatMap((file) =>
    importsOf(file)
      .filter((target) => forbidden.test(target))
      .map((target) => `${file} imports ${target}`),
  );
}

describe("imports run one way", () => {
  it("from the schema nowhere, and to nothing but the Standard Schema types", () => {
    expect(only("schema/", [/^schema\//])).toEqual([]);
    expect(without((file) => file.startsWith("schema/"), /^(?!\.|schema\/|@standard-schema\/spec$)/)).toEqual(
      [],
    );
  });
  it("from the compiler to the schema and the words of the wire; from its commands to all that they run", () => {
    const compiler = [/^schema\//, /^src\/protocol\//, /^codegen\//];
    const commands = only("codegen/", [...compiler, /^src\//]);
    expect(commands).toEqual([]);
    expect(
      only("codegen/", compiler).filter((line) => !/^codegen\/(cli|dev|doctor|mcp)\//.test(line)),
    ).toEqual([]);
  });
  it("from no emitter to another", () => {
    expect(without((file) => file.startsWith("codegen/emit/"), /^codegen\/emit\//)).toEqual([]);
  });
  it("from the wire nowhere", () => {
    expect(only("src/protocol/", [/^src\/protocol\//])).toEqual([]);
    expect(without((file) => file.startsWith("src/protocol/"), /^(?!src\/protocol\/)/)).toEqual([]);
  });
  it("from the clock nowhere", () => {
    expect(only("src/time/", [/^src\/time\//])).toEqual([]);
  });
  it("from the client to the wire and the pure parts of the schema", () => {
    expect(
      only("src/client/", [/^src\/(client|protocol|time)\//, /^schema\/(price|money|duration)\.ts$/]),
    ).toEqual([]);
  });
  it("from what serves agents to the client and the wire", () => {
    expect(only("codegen/mcp/", [/^codegen\/mcp\//, /^src\/(client|protocol|time)\//])).toEqual([]);
  });
  it("from the doctor to the wire, to the client where it pays, to the reader of documents, and to the arithmetic of money", () => {
    expect(
      only("codegen/doctor/", [
        /^codegen\/doctor\//,
        /^src\/(protocol|client|time)\//,
        /^schema\/money\.ts$/,
        /^codegen\/(read\/\w+|model|call-definition)\.ts$/,
      ]),
    ).toEqual([]);
  });
  it("from what belongs to one place to the form of saved calls, and to the store of Durable Objects", () => {
    const allowed = [
      /^src\/(runtime|time|protocol)\//,
      /^src\/client\/calls\.ts$/,
      /^src\/store\/(durable-object|store)\.ts$/,
    ];
    expect(only("src/runtime/", allowed)).toEqual([]);
  });
  it("from the server to every room of the running side but the client's", () => {
    expect(
      only("src/server/", [/^src\/(server|ledger|jobs|store|telemetry|protocol|time)\//, /^schema\//]),
    ).toEqual([]);
  });
  it("from the rooms beneath the server never up to it", () => {
    expect(only("src/ledger/", [/^src\/(ledger|store|telemetry|protocol|time)\//, /^schema\//])).toEqual([]);
    expect(only("src/jobs/", [/^src\/(jobs|store|telemetry|protocol|time)\//, /^schema\//])).toEqual([]);
    expect(only("src/store/", [/^src\/(store|protocol|time)\//, /^src\/peer\.ts$/])).toEqual([]);
    expect(only("src/telemetry/", [/^src\/(telemetry|time)\//, /^src\/peer\.ts$/])).toEqual([]);
  });
  it("from the test world to nothing of ours but the names of the fault points", () => {
    expect(only("src/testing/", [/^src\/(testing|time)\//, /^src\/telemetry\/fault\.ts$/])).toEqual([]);
  });
  it("never in a circle, not even for a type", () => {
    const imports = new Map(all.map((file) => [file, importsOf(file)]));
    const done = new Set<string>();
    const circles: string[] = [];
    const walk = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" → "));
      if (path.includes(file) || done.has(file)) return;
      for (const target of imports.get(file) ?? []) walk(target, [...path, file]);
      done.add(file);
    };
    for (const file of all) walk(file, []);
    expect(circles).toEqual([]);
  });
  it("to the compiler from nowhere", () => {
    expect(without((file) => !file.startsWith("codegen/"), /^codegen\//)).toEqual([]);
  });
});

describe("packages stay in their rooms", () => {
  it("none in the client, but for the curve and the hash of private keys in one file", () => {
    const signs = (file: string) => file === "src/client/private-key.ts";
    const client = (file: string) => file.startsWith("src/client/") && !signs(file);
    expect(without(client, /^(?!schema\/|src\/)/)).toEqual([]);
    expect(without(signs, /^(?!src\/|@noble\/(curves|hashes)\/)/)).toEqual([]);
  });
  it("the Model Context Protocol in one file", () => {
    expect(without((file) => file !== "codegen/mcp/protocol.ts", /^@modelcontextprotocol\//)).toEqual([]);
  });
  it("nothing heavy, and nothing of Node, in the client", () => {
    expect(without((file) => file.startsWith("src/client/"), /^(zod|viem|@x402|hono|node:)/)).toEqual([]);
  });
  it("nothing of Node in what runs on Workers", () => {
    const portable = /^(src\/(protocol|time|server|ledger|jobs|store|telemetry|client)|codegen\/doctor)\//;
    const sqlite = /^src\/store\/sqlite-(file|store)\.ts$/;
    const postgres = /^src\/store\/postgres(-[a-z-]+)?\.ts$/;
    const portably = (file: string) => portable.test(file) && !sqlite.test(file) && !postgres.test(file);
    expect(without(portably, /^node:/)).toEqual([]);
    // Doors of their own: nothing that runs on Workers leads to them, and nothing without Postgres to its driver.
    const outside = (file: string) => !/^codegen\/(cli|dev)\//.test(file);
    expect(
      without((file) => !sqlite.test(file) && outside(file), /^src\/store\/sqlite-(file|store)\.ts$/),
    ).toEqual([]);
    expect(without((file) => !postgres.test(file) && outside(file), /^src\/store\/postgres/)).toEqual([]);
    expect(without((file) => !postgres.test(file), /^pg$/)).toEqual([]);
  });
  it("schema converters in one file", () => {
    expect(
      without((file) => file !== "codegen/convert/json-schema.ts", /^(zod|zod-to-json-schema)(\/|$)/),
    ).toEqual([]);
  });
});

/** The names that a file declares and exports. Exports from other files are not declarations. */
function declaredIn(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.Latest);
  return source.statements.flatMap((statement) => {
    const isExported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (!isExported) return [];
    if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.flatMap(namesIn);
    return "name" in statement && ts.isIdentifier(statement.name as ts.Node)
      ? [(statement.name as ts.Identifier).text]
      : [];
  });
}

function namesIn({ name }: ts.VariableDeclaration | ts.BindingElement): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) => (ts.isBindingElement(element) ? namesIn(element) : []));
}

it("one exported name means one thing in the whole tree", () => {
  const files = new Map<string, Set<string>>();
  for (const file of all) {
    for (const name of declaredIn(file)) files.set(name, (files.get(name) ?? new Set()).add(file));
  }
  const twice = [...files].filter(([, places]) => places.size > 1);
  expect(twice.map(([name, places]) => `${name}: ${[...places].join(", ")}`)).toEqual([]);
});

it("no file has a name that says nothing", () => {
  const vague = all.filter((file) => /\/(utils?|helpers?|common|misc|types)(\.ts|\/)/.test(file));
  expect(vague).toEqual([]);
});

/** The most lines of a source file. */
const MAX_LINES = 300;

/** Longer files, each with its reason. Split a file rather than add it here. */
const LONG: Readonly<Record<string, string>> = {
  "src/ledger/offer.ts":
    "builds what a 402 offers, and matches a payment against it: both read the same fields",
};

it("no source file is longer than 300 lines, except for those with a reason", () => {
  const lines = (file: string) => readFileSync(join(root, file), "utf8").trimEnd().split("\n").length;
  const long = [...all, ...browserFiles()]
    .filter((file) => !file.endsWith(".gen.ts") && lines(file) > MAX_LINES)
    .sort();
  expect(long.filter((file) => !(file in LONG))).toEqual([]);
  // A file that was split leaves the list.
  expect(Object.keys(LONG).filter((file) => !long.includes(file))).toEqual([]);
});

function browserFiles(): string[] {
  return ["src", "codegen"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => /\.(css|html)$/.test(file) && !file.startsWith("dist/"))
      .map((file) => `${folder}/${file}`),
  );
}

it("only the command line and the log write to the console", () => {
  // The server of a new project is text here.
  const talkers = all
    .filter((file) => file !== "codegen/init/server.ts")
    .filter((file) => /\bconsole\./.test(readFileSync(join(root, file), "utf8")));
  expect(
    talkers.filter(
      (file) => !/^(codegen\/cli\/|src\/telemetry\/log\.ts|src\/testing\/contracts\/compile\.ts)/.test(file),
    ),
  ).toEqual([]);
});
