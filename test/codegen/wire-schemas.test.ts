import { expect, it } from "vitest";
import { emitTypes } from "../../codegen/emit/declarations.ts";
import { wireSchemas } from "../../codegen/wire-schemas.ts";
import { diagnose } from "./diagnose.ts";

it("the published wire documents are those of src/wire", async () => {
  const types = emitTypes({
    source: "src/wire",
    title: "",
    version: "",
    description: "",
    servers: [],
    resources: [],
    schemas: wireSchemas([], [{}]),
    handlerSchemas: {},
  });
  const check = `import type * as published from "./published.ts";
import type * as wire from "../../src/protocol/index.ts";
type Plain<T> = T extends readonly (infer U)[] ? Plain<U>[] : T extends object ? { -readonly [K in keyof T]: Plain<T[K]> } : T;
type Same<A, B> = (<T>() => T extends Plain<A> ? 1 : 2) extends <T>() => T extends Plain<B> ? 1 : 2 ? true : false;
export const accepted: Same<published.JobAccepted, wire.JobAccepted> = true;
export const job: Same<published.JobDocument, wire.JobDocument> = true;
export const receipt: Same<published.Receipt, wire.Receipt> = true;
export const required: Same<published.PaymentRequired, wire.PaymentRequiredV1> = true;
export const requirements: Same<published.PaymentRequirements, wire.PaymentRequirementsV1> = true;
// The document lists the codes there are; clients are to expect others.
export const problem: Same<Omit<published.Problem, "code">, Omit<wire.Problem, "code">> = true;
export const code: Same<published.Problem["code"], wire.ProblemCode> = true;
`;
  expect(diagnose("test/codegen", { "published.ts": types, "check.ts": check })).toEqual([]);
});
