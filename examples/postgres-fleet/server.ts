import { env } from "node:process";
import { listen } from "resource402/node";
import { postgresStore } from "resource402/postgres";
import { render } from "./handlers/render.ts";
import { createServer } from "./server.gen.ts";

const { ROLE = "", DATABASE_URL = "", FACILITATOR_URL = "", RPC_URL = "", PAY_TO = "" } = env;
const { PORT = "0", LEASE_MS = "15000" } = env;
if (ROLE !== "api" && ROLE !== "worker") throw new Error(`ROLE is "${ROLE}"; write "api" or "worker"`);

/** One process of the fleet. All of them share the database; ROLE decides what this one does. */
const server = createServer({
  role: ROLE,
  handlers: { render },
  payments: {
    accepts: [{ network: "eip155:84532", payTo: PAY_TO, ...(RPC_URL === "" ? {} : { rpcUrl: RPC_URL }) }],
    facilitator: FACILITATOR_URL,
  },
  store: postgresStore({ connectionString: DATABASE_URL }),
  jobs: { concurrency: 4 },
  // After this long without a sign of life, another process takes over the work of a dead one.
  recovery: { leaseMs: Number(LEASE_MS) },
  log: "error",
});

// A worker listens too: GET /readyz reports its health. SIGTERM hands its jobs to the others at once.
const { url } = await listen(server, { port: Number(PORT), hostname: "127.0.0.1" });
console.log(`${ROLE} listening at ${url}`);
