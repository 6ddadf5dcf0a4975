/** `README.md` of a new project. */
export function readmeText(title: string, resources: readonly string[]): string {
  const handlers = resources.map((name) => `\`handlers/${name}.ts\``).join(" and ");
  return `# ${title}

A paid HTTP API: [x402](https://www.x402.org) payments, made with resource402.

\`\`\`sh
npm install
npm run dev        # a local chain, the server, its documentation and a wallet with test money
\`\`\`

Open http://localhost:3000/docs and buy something. Then change ${handlers}, or the resources in
\`resources.ts\`. \`npm run dev\` reloads on every change.

| file | what it holds |
|---|---|
| \`resources.ts\` | the resources and their prices; everything else is generated from this file |
| \`handlers/\` | the work: one function for each resource |
| \`server.ts\` | the server in production |
| \`*.gen.ts\`, \`openapi.json\`, \`llms.txt\`, \`API.md\` | generated; commit them, do not edit them |

| command | what it does |
|---|---|
| \`npm run dev\` | serves everything on this machine |
| \`npm run generate\` | generates code and documents |
| \`npm run check\` | fails when a file is stale or does not type-check; for CI |
| \`npm start\` | serves in production, with the settings in the environment or in \`.env\` |
| \`npm run docs\` | writes the documentation as static files into \`site/\` |
| \`npm run sdk\` | creates a package for buyers in \`sdk/\`, ready to publish |

To go live, copy \`.env.example\` to \`.env\` and fill it in. If a paid job fails, a refund is owed:
\`npx resource402 refunds list --store api.db\` lists owed refunds. \`refunds pay\` pays them, or the server does
with \`payments.refunds\` in server.ts, as it must where the facilitator needs keys.
`;
}
