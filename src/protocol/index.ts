export * from "./asset.ts";
export * from "./headers.ts";
export * from "./job.ts";
export * from "./payment.ts";
export * from "./problem.ts";
export * from "./version-1.ts";
