import { reportMissing } from "./missing.ts";

/** Runs once, before and after all test files. */
export default function setUp(): () => void {
  return () => {
    const line = reportMissing();
    if (line !== undefined) console.warn(line);
  };
}
