/** `server.ts` of a new project: its entry in production. */
export function serverText(resources: readonly string[]): string {
  const imports = resources
    .toSorted()
    .map((name) => `import { ${name} } from "./handlers/${name}.ts";\n`)
    .join("");
  return `import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { listen } from "resource402/node";
import { sqliteStore } from "resource402/sqlite";
${imports}import { createServer } from "./server.gen.ts";

const {
  PAY_TO = "",
  FACILITATOR_URL = "",
  NETWORK = "eip155:84532",
  RPC_URL = "",
  PORT = "3000",
  DATABASE = "./api.db",
} = process.env;

/** The rules for each setting. See .env.example. */
const rules: readonly (readonly [name: string, isRight: boolean, must: string])[] = [
  ["PAY_TO", /^0x[0-9a-fA-F]{40}$/.test(PAY_TO), "the address that is paid: 0x and 40 hexadecimal digits"],
  ["FACILITATOR_URL", isHttp(FACILITATOR_URL), "the URL of a facilitator: https://…"],
  ["NETWORK", isNetwork(NETWORK), 'a network such as "eip155:8453" (Base) or "eip155:84532" (Base Sepolia)'],
  ["RPC_URL", RPC_URL === "" || isHttp(RPC_URL), "the RPC URL of the network, or empty"],
  ["PORT", /^\\d{1,5}$/.test(PORT) && Number(PORT) < 65_536, "a number from 0 to 65535"],
  ["DATABASE", existsSync(dirname(DATABASE)), "the path of a SQLite file, in a folder that is there"],
];
const broken = rules.filter(([, isRight]) => !isRight);
for (const [name, , must] of broken) console.error(\`\${name} must be \${must}.\`);
if (broken.length > 0 || !isNetwork(NETWORK)) {
  console.error("Set it in the environment or in .env; .env.example shows how.");
  process.exit(1);
}

const server = createServer({
  handlers: { ${resources.toSorted().join(", ")} },
  payments: {
    accepts: [{ network: NETWORK, payTo: PAY_TO, ...(RPC_URL === "" ? {} : { rpcUrl: RPC_URL }) }],
    facilitator: FACILITATOR_URL,
  },
  store: sqliteStore(DATABASE),
});
const { url } = await listen(server, { port: Number(PORT) });
console.log(\`Serving at \${url}\`);

function isHttp(text: string): boolean {
  return /^https?:\\/\\/./.test(text) && URL.canParse(text);
}

/** CAIP-2. */
function isNetwork(text: string): text is \`\${string}:\${string}\` {
  return /^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$/.test(text);
}
`;
}
