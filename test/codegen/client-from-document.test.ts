import { describe, expect, it } from "vitest";
import { emitClient } from "../../codegen/emit/client.ts";
import { emitTypes } from "../../codegen/emit/declarations.ts";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import type { ApiModel } from "../../codegen/model.ts";
import { readDocument } from "../../codegen/read/document.ts";
import studio from "../../examples/studio/resources.ts";
import awkward from "../fixtures/awkward/resources.ts";
import shop from "../fixtures/shop/resources.ts";
import { modelOf } from "./definitions.ts";
import { diagnose } from "./diagnose.ts";

/** Two types are one: a compile error where this is not `true`. */
const EQUAL = `
type Flat<T> = T extends (...given: infer P) => infer R ? { given: Flat<P>; answer: Flat<R>; members: { [K in keyof T]: Flat<T[K]> } }
  : T extends (infer U)[] ? number extends T["length"] ? Flat<U>[] : { [K in keyof T]: Flat<T[K]> }
  : T extends object ? { [K in keyof T]: Flat<T[K]> } : T;
type Same<A, B> = (<T>() => T extends Flat<A> ? 1 : 2) extends <T>() => T extends Flat<B> ? 1 : 2 ? true : false;
`;

async function clientOf(model: ApiModel, folder: string): Promise<Record<string, string>> {
  return {
    [`${folder}/client.gen.ts`]: emitClient(model),
    [`${folder}/types.gen.ts`]: await emitTypes(model),
  };
}

function checks({ resources }: ApiModel): string {
  const members = resources.map(
    ({ name, typeName }) => `
export const ${name}Input: Same<source.${typeName}Input, published.${typeName}Input> = true;
export const ${name}Output: Same<source.${typeName}Output, published.${typeName}Output> = true;
export const ${name}: Same<source.Client["${name}"], published.Client["${name}"]> = true;
export const ${name}There: published.Client["${name}"] = fromSource.${name};
export const ${name}Back: source.Client["${name}"] = fromDocument.${name};`,
  );
  return `import type * as source from "./source/client.gen.ts";
import type * as published from "./published/client.gen.ts";
${EQUAL}
declare const fromSource: source.Client;
declare const fromDocument: published.Client;
export const members: Same<keyof source.Client, keyof published.Client> = true;
export const there: published.Client = fromSource;
export const back: source.Client = fromDocument;
${members.join("\n")}
`;
}

describe("the client that is generated from a published document", () => {
  it.each([
    ["studio", studio],
    ["shop", shop],
    ["awkward", awkward],
  ])("has the types of the one from the source, in every member, for the %s", async (name, api) => {
    const model = await modelOf(api);
    const read = readDocument(JSON.parse(emitOpenapi(model)), { source: "openapi.json" });
    const files = {
      ...(await clientOf(model, "source")),
      ...(await clientOf(read.model, "published")),
      "check.ts": checks(model),
    };
    expect(diagnose(`test/fixtures/from-${name}`, files)).toEqual([]);
  });

  it("would be told apart if a default, a choice or a resource were lost on the way", async () => {
    const model = await modelOf(studio);
    const document = JSON.parse(emitOpenapi(model));
    const { schema } = document.paths["/v1/caption"].post.requestBody.content["application/json"];
    schema.required.push("tone");
    document.components.schemas.PaletteOutput.properties.colours.items = { type: "number" };
    document.paths["/v1/generate-image"].post["x-resource402"].job = undefined;
    const read = readDocument(document, { source: "openapi.json" });
    const files = {
      ...(await clientOf(model, "source")),
      ...(await clientOf(read.model, "published")),
      "check.ts": checks(model),
    };
    const text = files["check.ts"].split("\n");
    const lines = diagnose("test/fixtures/from-other", files).map(
      (fault) => text[Number(/check\.ts:(\d+)/.exec(fault)?.[1]) - 1] ?? fault,
    );
    for (const name of ["captionInput", "paletteOutput", "generateImage"]) {
      expect(lines).toContainEqual(expect.stringMatching(`^export const ${name}: Same<`));
    }
  });
});
