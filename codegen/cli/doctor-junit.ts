import type { Finding, Ran, Report } from "../doctor/examine.ts";
import { counted } from "./say.ts";

/** A report for CI, in the dialect of XML that JUnit has made common: a suite for each resource, a case for each check. */
export function junitOf({ findings, passed, skipped, ms }: Report): string {
  const all: readonly Ran[] = [...findings, ...passed, ...skipped];
  const suites = [...new Set(all.map(({ resource }) => resource))].map((resource) => {
    const of = <T extends Ran>(list: readonly T[]): T[] => list.filter((one) => one.resource === resource);
    const cases = [
      ...[...new Set(of(findings).map(({ check }) => check))].map((check) =>
        failing(of(findings).filter((one) => one.check === check)),
      ),
      ...of(passed).map((one) => `${opening(one)}/>`),
      ...of(skipped).map((one) => `${opening(one)}><skipped message=${quoted(one.reason)}/></testcase>`),
    ];
    const failures = new Set(
      of(findings)
        .filter(fails)
        .map(({ check }) => check),
    ).size;
    return [
      `  <testsuite name=${quoted(resource)} tests="${cases.length}" failures="${failures}" errors="0" skipped="${of(skipped).length}">`,
      ...cases.map((one) => `    ${one}`),
      "  </testsuite>",
    ].join("\n");
  });
  const head = '<?xml version="1.0" encoding="UTF-8"?>';
  return `${head}\n<testsuites name="resource402 doctor" time="${(ms / 1000).toFixed(3)}">\n${suites.join("\n")}\n</testsuites>\n`;
}

/** What is for information does not fail. */
function fails({ severity }: Finding): boolean {
  return severity !== "info";
}

/** The findings of one check as one case. */
function failing(findings: readonly Finding[]): string {
  const [first] = findings;
  if (!first) return "";
  const text = findings
    .map(({ what, why, source, evidence, fix }) =>
      [what, `why: ${why}`, `source: ${source}`, `evidence: ${evidence}`, `fix: ${fix}`].join("\n"),
    )
    .join("\n\n");
  if (!findings.some(fails)) return `${opening(first)}><system-out>${escaped(text)}</system-out></testcase>`;
  const message =
    findings.length === 1 ? first.what : `${first.what} (${counted(findings.length, "finding")})`;
  return `${opening(first)}><failure type=${quoted(first.severity)} message=${quoted(message)}>${escaped(text)}</failure></testcase>`;
}

function opening({ check, title, resource }: Ran): string {
  return `<testcase classname=${quoted(resource)} name=${quoted(`${check}: ${title}`)}`;
}

function quoted(text: string): string {
  return `"${escaped(text).replaceAll("\n", "&#10;")}"`;
}

/** Text for XML 1.0, which has no way to write control characters. */
function escaped(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML refuses
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "")
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
  );
}
