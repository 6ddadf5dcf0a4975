import ts from "typescript";
import { describe, expect, it } from "vitest";
import { PROBLEMS } from "../../src/protocol/problem.ts";
import { read, tableUnder } from "./tables.ts";

const page = read("docs/errors.md");
const first = (heading: string): string[] => tableUnder(page, heading).map(([cell = ""]) => cell);
const codes = (cells: readonly string[]): string[] =>
  cells.flatMap((cell) => [...cell.matchAll(/`([\w ]+)`/g)].map(([, code = ""]) => code)).sort();

/** The texts of a union in src/client/errors.ts. */
function unionOf(name: string): string[] {
  const text = read("src/client/errors.ts");
  const found: string[] = [];
  ts.forEachChild(ts.createSourceFile("errors.ts", text, ts.ScriptTarget.Latest), (node) => {
    if (!ts.isTypeAliasDeclaration(node) || node.name.text !== name) return;
    const members = ts.isUnionTypeNode(node.type) ? node.type.types : [node.type];
    for (const one of members)
      if (ts.isLiteralTypeNode(one) && ts.isStringLiteral(one.literal)) found.push(one.literal.text);
  });
  return found.sort();
}

describe("docs/errors.md lists", () => {
  it("every code of the client", () => {
    expect(codes(first("Codes of the client"))).toEqual(unionOf("ErrorCode"));
  });

  it("every reason for which the client does not sign", () => {
    expect(codes(first("The client does not sign"))).toEqual(unionOf("RefusalReason"));
  });

  it("every value of `charged`", () => {
    const values = first("What happened to the money").map((cell) => cell.replace(/[`"]/g, ""));
    expect([...new Set(values)].sort()).toEqual(unionOf("Charged"));
  });

  it("every code of the server, with its status and whether it is sent again", () => {
    const rows = tableUnder(page, "Codes of the server").map(([code, status, again]) => [
      code?.replaceAll("`", ""),
      Number(status),
      again === "yes",
    ]);
    expect(rows).toEqual(Object.entries(PROBLEMS).map(([code, [status, , again]]) => [code, status, again]));
  });

  it("every code with which a job fails", () => {
    const sources = ["src/jobs/run.ts", "src/jobs/attempt.ts", "src/ledger/step.ts"].map(read).join("\n");
    const said = [...sources.matchAll(/(?:\bcode: |\bfailed\()"(\w+)"/g)].map(([, code = ""]) => code);
    expect(said.length).toBeGreaterThan(5);
    const listed = codes(first("Failures of jobs").filter((cell) => !cell.startsWith("a code of")));
    expect(listed).toEqual([...new Set(said)].sort());
  });
});
