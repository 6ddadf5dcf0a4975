/** `README.md` of a new project. */
export function readmeText(title: string, resources: readonly string[]): string {
  const handlers = resources.map((name) => `\`handlers/${name}.ts\``).join(" and ");
  return `# ${title}

A paid HTTP API: [x402](https://www.x402.org) payments, made with resource402.

\`\`\`sh
npm install
npm run dev        # a chain of its own, the server, its documentation and a wallet that holds play money
\`\`\`

Open http://localhost:3000/docs and buy something. Then change ${handlers}, or what is for sale in
\`resources.ts\`: \`npm run dev\` takes every change up.

| file | what it holds |
|---|---|
| \`resources.ts\` | what is for sale and for how much; the one file that everything else comes from |
| \`handlers/\` | the work: one function for each resource |
| \`server.ts\` | the server in production |
| \`*.gen.ts\`, \`openapi.json\`, \`llms.txt\`, \`API.md\` | generated; check them in, do not edit them |

| command | what it does |
|---|---|
| \`npm run dev\` | serves all of it on this machine |
| \`npm run generate\` | writes what is generated |
| \`npm run check\` | fails when something is stale or does not type-check; for CI |
| \`npm start\` | serves in production, by the settings of the environment or of \`.env\` |
| \`npm run docs\` | writes the documentation as static files into \`site/\` |
| \`npm run sdk\` | makes a package for buyers in \`sdk/\`, ready to publish |

To go live, copy \`.env.example\` to \`.env\` and fill it in. A job that was paid and fails is owed back to its buyer:
\`npx resource402 refunds list --store api.db\` shows what is owed, \`refunds pay\` pays it.
`;
}
