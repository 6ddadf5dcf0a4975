import { defineConfig } from "vitest/config";
import { UNIT } from "./lanes.ts";
import full, { shared } from "./vitest.config.ts";

const { test = {}, ...rest } = full;
const { projects: _, ...options } = test;

/** The fast lane, under 60 s. */
export default defineConfig({
  ...rest,
  test: { ...options, ...shared, include: UNIT, setupFiles: ["test/no-processes.ts"] },
});
