/**
 * The files of the fast lane: no chain, no process, no database, no browser, and no other compiler than ours, and less
 * than 3 s by itself. Their modules are loaded once for all of them, so none may leave anything behind in a module or in
 * the process. no-processes.ts refuses processes.
 */
export const UNIT = [
  "test/{schema,time,protocol,jobs,telemetry}/**/*.test.ts",
  // evidence.test.ts starts chains.
  "test/ledger/!(evidence).test.ts",
  "test/api/report.test.ts",
  "test/architecture.test.ts",
  "test/client/abort.test.ts",
  "test/client/event-stream.test.ts",
  "test/client/overspent.test.ts",
  "test/client/reserved.test.ts",
  "test/client/version-1.test.ts",
  "test/codegen/advice.test.ts",
  "test/codegen/call-input.test.ts",
  "test/codegen/diff-finds.test.ts",
  "test/codegen/diff.test.ts",
  "test/codegen/docs.test.ts",
  "test/codegen/listed-fields.test.ts",
  "test/codegen/mistakes.test.ts",
  "test/codegen/prices.test.ts",
  "test/codegen/print.test.ts",
  "test/codegen/prose.test.ts",
  "test/codegen/read.test.ts",
  "test/codegen/wire-schemas.test.ts",
  "test/docs/*.test.ts",
  "test/doctor/fit.test.ts",
  "test/language.test.ts",
  "test/mcp/progress.test.ts",
  "test/runtime/listen.test.ts",
  "test/server/status.test.ts",
  "test/store/stats.test.ts",
];
