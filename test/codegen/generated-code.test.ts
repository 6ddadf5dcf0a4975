import ts from "typescript";
import { describe, expect, it } from "vitest";
import { emitAll } from "../../codegen/files.ts";
import awkward from "../fixtures/awkward/resources.ts";
import shop from "../fixtures/shop/resources.ts";
import { modelOf } from "./definitions.ts";
import { diagnose } from "./diagnose.ts";

async function generate(api: unknown, definition = "./resources.ts"): Promise<Record<string, string>> {
  const { files, stubs } = await emitAll(await modelOf(api), definition);
  const code = [...files, ...stubs].filter(({ path }) => path.endsWith(".ts"));
  return Object.fromEntries(code.map(({ path, text }) => [path, text]));
}

/** Two types are one: a compile error where this is not `true`. */
const EQUAL = `
type Flat<T> = T extends (infer U)[] ? number extends T["length"] ? Flat<U>[] : { [K in keyof T]: Flat<T[K]> }
  : T extends object ? { [K in keyof T]: Flat<T[K]> } : T;
type Same<A, B> = (<T>() => T extends Flat<A> ? 1 : 2) extends <T>() => T extends Flat<B> ? 1 : 2 ? true : false;
`;

describe("generated code compiles under the strictest settings", () => {
  it.each([
    ["awkward", awkward],
    ["shop", shop],
  ])("for the %s fixture", async (name, api) => {
    expect(diagnose(`test/fixtures/${name}`, await generate(api))).toEqual([]);
  });

  it("with a bundler's resolution, and the definition imported as .js", async () => {
    const options = {
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
    };
    const files = await generate(awkward, "./resources.js");
    expect(diagnose("test/fixtures/awkward", files, options)).toEqual([]);
  });

  it("and under loose settings", async () => {
    const loose = { strict: false, exactOptionalPropertyTypes: false, noUncheckedIndexedAccess: false };
    expect(diagnose("test/fixtures/awkward", await generate(awkward), loose)).toEqual([]);
  });
});

describe("generated types are those of the definition", () => {
  const faces = [
    ["Input", "z.input", "input"],
    ["Args", "z.output", "input"],
    ["Result", "z.input", "output"],
    ["Output", "z.output", "output"],
  ] as const;

  it.each([
    ["awkward", awkward],
    ["shop", shop],
  ])("for every face of the %s fixture", async (name, api) => {
    const files = await generate(api);
    const model = await modelOf(api);
    const checks = model.resources.flatMap(({ name, typeName, inferred }) =>
      faces.map(([face, zod, member]) => {
        const from = inferred.some((one) => one === face) ? "server" : "types";
        return `export const ${name}${face}: Same<${from}.${typeName}${face}, ${zod}<R["${name}"]["${member}"]>> = true;`;
      }),
    );
    const check = `import type { z } from "zod";
import type api from "./resources.ts";
import type * as types from "./types.gen.ts";
${checks.some((line) => line.includes("server.")) ? 'import type * as server from "./server.gen.ts";' : ""}
type R = (typeof api)["resources"];
${EQUAL}
${checks.join("\n")}
`;
    // zod writes optional members with undefined, which JSON does not have.
    const options = { exactOptionalPropertyTypes: false };
    expect(diagnose(`test/fixtures/${name}`, { ...files, "check.ts": check }, options)).toEqual([]);
  });

  it("and the check would notice a difference", async () => {
    const check = `${EQUAL}
export const optional: Same<{ a?: 1 }, { a: 1 }> = true;
export const literal: Same<{ a: "x" }, { a: string }> = true;
export const nested: Same<{ a: { b: 1 }[] }, { a: { b: 2 }[] }> = true;
`;
    expect(diagnose("test/fixtures/awkward", { "check.ts": check })).toHaveLength(3);
  });
});

describe("the generated client and server refuse at compile time", () => {
  it("wrong inputs, missing handlers, unknown codes and missing quotes", async () => {
    const files = await generate(awkward);
    const wrong = `import { createClient } from "./client.gen.ts";
import { createServer, type Handlers } from "./server.gen.ts";

const client = createClient({ baseUrl: "https://awkward.example" });
// @ts-expect-error no class
void client.names({});
// @ts-expect-error not a choice
void client.names({ class: "x", "content-type": "d" });
// @ts-expect-error a resource that answers at once has no job
void client.names.start;
export const fine: Promise<{ ok: boolean }> = client.names({ class: "x" });

declare const handlers: Handlers;
declare const rest: Omit<Handlers, "lookUp">;
// @ts-expect-error no handler for lookUp
createServer({ handlers: rest, quotes: { schedule: () => "0.02" } });
// @ts-expect-error the quote of schedule is missing
createServer({ handlers });
createServer({ handlers, quotes: { schedule: ({ when }) => (when.getTime() > 0 ? "0.02" : "0.03") } });
export const names: Handlers["names"] = (input, ctx) => {
  if (input["2nd"] > 1) return ctx.fail("too_odd");
  // @ts-expect-error not a code of this resource
  return ctx.fail("no_room");
};
`;
    expect(diagnose("test/fixtures/awkward", { ...files, "wrong.ts": wrong })).toEqual([]);
  });
});
