/** A place: how it is started in its folder, and where it mounts the API. */
export interface Start {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Before it is started. */
  readonly build?: readonly string[];
  readonly path?: string;
  /** The file of examples/runtimes that is run. */
  readonly example?: string;
  /** Checks that cannot pass here, with the reason. */
  readonly impossible?: Readonly<Record<string, string>>;
}

const node = (file: string): readonly string[] => ["node", `places/${file}.ts`];
/** A file of examples/runtimes, run by node. */
const example = (name: string) => ({ command: ["node", `examples/${name}.ts`], example: `${name}.ts` });
const bin = (name: string): string => `node_modules/.bin/${name}`;
const NEXT = "places/next";
/** The route of the Next application. */
export const NEXT_EXAMPLE = "next/app/api/[...path]/route.ts";

/** The example of this place has its records in memory, where a restart forgets them. */
const inMemory = { impossible: { restart: "its example keeps its records in memory" } };

export const PLACES: readonly Start[] = [
  { name: "Node listen", command: node("node-listen"), ...inMemory },
  { name: "Node listen, SQLite", command: node("node-sqlite") },
  { name: "node:http", command: node("node-http"), ...inMemory },
  { name: "Hono at root", command: node("hono-root"), ...inMemory },
  { name: "Hono mount", command: node("hono-mounted"), path: "/api", ...inMemory },
  { name: 'Hono all("/api/*")', command: node("hono-all"), path: "/api", ...inMemory },
  { name: "Express under /api", ...example("express"), path: "/api", ...inMemory },
  { name: "Express after json()", command: node("express-json"), path: "/api", ...inMemory },
  { name: "Fastify", ...example("fastify"), ...inMemory },
  { name: "Koa", ...example("koa"), ...inMemory },
  { name: "Bun, SQLite", command: [bin("bun"), "run", "examples/bun.ts"], example: "bun.ts" },
  {
    name: "Deno, SQLite",
    command: [bin("deno"), "run", "-A", "--no-prompt", "--node-modules-dir=manual", "examples/deno.ts"],
    example: "deno.ts",
    env: { DENO_NO_UPDATE_CHECK: "1" },
  },
  {
    name: "Workers, waitUntil",
    ...inMemory,
    command: node("workers-main"),
    env: { WORKER: "workers" },
    example: "workers.ts",
  },
  {
    name: "Durable Object",
    command: node("workers-main"),
    env: { WORKER: "durable-object" },
    example: "durable-object.ts",
  },
  {
    name: "Next start",
    ...inMemory,
    build: [bin("next"), "build", NEXT],
    command: [bin("next"), "start", NEXT],
    env: { NEXT_TELEMETRY_DISABLED: "1" },
    path: "/api",
    example: NEXT_EXAMPLE,
  },
];
