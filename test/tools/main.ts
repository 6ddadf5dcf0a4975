// The tools of others read the documents of random definitions: `npm run test:tools -- --count 200 --seed 1`.
// Ends with 1 when a tool finds something that is not listed in KNOWN, or writes code that does not compile.
import { Socket } from "node:net";
import { parseArgs } from "node:util";
import fc from "fast-check";
import ts from "typescript";
import { compile } from "../../codegen/compile.ts";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import { diagnose } from "../codegen/diagnose.ts";
import { definitions } from "./definitions.ts";

const { values } = parseArgs({ options: { count: { type: "string" }, seed: { type: "string" } } });
const [count, seed] = [Number(values.count ?? 20), Number(values.seed ?? 1)];

// No tool may reach a public address, nor tell anyone that it was run.
for (const name of ["DO_NOT_TRACK", "REDOCLY_TELEMETRY_DISABLED", "SCARF_ANALYTICS"]) process.env[name] = "1";
process.env.REDOCLY_TELEMETRY = "off";
Socket.prototype.connect = function refused(): never {
  throw new Error("no tool may open a connection");
};
globalThis.fetch = async () => Promise.reject(new Error("no tool may open a connection"));
const { GENERATORS, READERS } = await import("./readers.ts");

/** Findings that are not ours, with the reason. */
const KNOWN: readonly { readonly tool: string; readonly pattern: RegExp; readonly why: string }[] = [
  { tool: "@agentcash/discovery", pattern: /L2_NO_PAID_ROUTES/, why: "all of this definition is free" },
  {
    tool: "Spectral",
    pattern: /^array-items /,
    why: "`items: false` closes a tuple, and Spectral takes it for absent",
  },
];

// Read by others, so held to the settings of a usual project, not to ours.
const USUAL: ts.CompilerOptions = {
  ...{ module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
  ...{ exactOptionalPropertyTypes: false, noPropertyAccessFromIndexSignature: false },
  ...{
    noUnusedLocals: false,
    noUnusedParameters: false,
    noImplicitOverride: false,
    noImplicitReturns: false,
  },
  ...{
    verbatimModuleSyntax: false,
    isolatedDeclarations: false,
    erasableSyntaxOnly: false,
    declaration: false,
  },
};

const say = console.log;
for (const method of ["log", "info", "warn"] as const) console[method] = () => {};

const found = new Map<string, { count: number; example: string }>();
const files: Record<string, string> = {};
let refused = 0;

function report(tool: string, index: number, finding: string): void {
  if (KNOWN.some((one) => one.tool === tool && one.pattern.test(finding))) return;
  // The same finding at another place is the same kind.
  const kind = `${tool}: ${finding.replace(/call\d+|\d+/g, "#").slice(0, 160)}`;
  const known = found.get(kind) ?? { count: 0, example: `definition ${index}: ${finding.slice(0, 400)}` };
  found.set(kind, { ...known, count: known.count + 1 });
}

for (const [index, definition] of fc.sample(definitions, { numRuns: count, seed }).entries()) {
  const compilation = await compile(definition, { source: "resources.ts" });
  if (!("model" in compilation)) {
    refused += 1;
    for (const { path, problem } of compilation.mistakes) report("compiler", index, `${path} ${problem}`);
    continue;
  }
  const sample = { model: compilation.model, text: emitOpenapi(compilation.model) };
  for (const [tool, read] of Object.entries(READERS)) {
    const findings = await read(sample).catch((error: unknown) => [`throws ${error}`]);
    for (const finding of findings) report(tool, index, finding);
  }
  for (const [tool, write] of Object.entries(GENERATORS)) {
    try {
      const written = await write(sample.text);
      for (const [path, text] of Object.entries(written)) files[`${tool}/${index}/${path}`] = text;
    } catch (error) {
      report(tool, index, `throws ${error}`);
    }
  }
}
for (const fault of diagnose("test/tools/written", files, USUAL)) {
  const [, tool = "compiler", index = "0", rest = fault] = /([\w-]+)\/(\d+)\/(.*)$/s.exec(fault) ?? [];
  report(tool, Number(index), rest);
}

for (const [kind, { count: times, example }] of found) say(`${times} ×  ${kind}\n      ${example}`);
const tools = [...Object.keys(READERS), ...Object.keys(GENERATORS)].join(", ");
say(`${count} definitions (seed ${seed}), ${refused} refused by the compiler, read by ${tools}`);
say(found.size === 0 ? "Nothing found." : `${found.size} kinds of findings.`);
process.exitCode = found.size === 0 ? 0 : 1;
