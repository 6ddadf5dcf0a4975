import type { Logger } from "../telemetry/log.ts";

/**
 * Whether this process goes on between requests, so that its timers fire and its jobs run. Workers and functions are
 * stopped once a response is sent.
 */
export function keepsRunning(): boolean {
  if (globalThis.navigator?.userAgent === "Cloudflare-Workers") return false;
  const env = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env ?? {};
  return !FUNCTIONS.some((name) => env[name] !== undefined && env[name] !== "");
}

/** Set by AWS Lambda, by Vercel and by Netlify for their functions. */
const FUNCTIONS = ["AWS_LAMBDA_FUNCTION_NAME", "VERCEL", "NETLIFY"];

/** Said once: a job that was sold here would be paid for and never run. */
export function createJobGuard(log: Logger, jobs: readonly string[]): () => void {
  let isSaid = jobs.length === 0;
  return () => {
    if (isSaid) return;
    isSaid = true;
    const fix =
      "pass fetch(request, { waitUntil }), host the server in a Durable Object by durableServer of resource402/workers, " +
      'or set role: "api" and run the jobs in a process with role: "worker" on the same store';
    log.error(
      { jobs, fix },
      "jobs are not sold: this place stops once a response is sent, and would not run them",
    );
  };
}
