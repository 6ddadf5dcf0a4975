import { describe, expect, it, onTestFinished } from "vitest";
import { startPostgres, whyNoPostgres } from "../store/postgres-server.ts";
import { startProgram } from "./program.ts";

describe.skipIf(whyNoPostgres() !== undefined)("examples/postgres-fleet", () => {
  it("ends a job whose worker is killed, on the other worker and for one payment", async () => {
    const postgres = await startPostgres();
    onTestFinished(() => postgres.stop());
    const fleet = startProgram("postgres-fleet/main.ts", { DATABASE_URL: postgres.connectionString });
    const killed = (await fleet.line("killing")).slice(-1);
    const survivor = killed === "1" ? "worker-2" : "worker-1";
    expect(await fleet.line("result:")).toBe(`result: 40 frames by ${survivor}, attempt 2`);
    expect(await fleet.ended()).toBe(0);
    expect(fleet.lines.slice(-2)).toEqual([
      "api-2 reports: succeeded, settled",
      "the seller has 40000 millionths of a dollar",
    ]);
  });
});
