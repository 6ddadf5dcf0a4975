import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { CHECKS } from "../../codegen/doctor/examine.ts";

const file = new URL("../../docs/doctor.md", import.meta.url);
const PLACE = /(<!-- checks -->\n)[\s\S]*?(<!-- end -->)/;

it("lists every check in docs/doctor.md (refresh: DOCTOR_DOC=write)", () => {
  const rows = CHECKS.map(
    ({ id, title, severity, paid }) => `| \`${id}\` | ${title} | ${severity} | ${paid ? "`--pay`" : ""} |`,
  );
  const table = ["| Check | What holds | Severity | Needs |", "|---|---|---|---|", ...rows].join("\n");
  const text = readFileSync(file, "utf8");
  expect(text).toMatch(PLACE);
  const fresh = text.replace(PLACE, (_, from: string, to: string) => `${from}\n${table}\n\n${to}`);
  if (process.env.DOCTOR_DOC === "write") writeFileSync(file, fresh);
  else expect(text).toBe(fresh);
});
