/** `.env.example` of a new project. */
export function environmentText(payTo: string | undefined): string {
  return `# Copy this file to .env, which is not checked in. \`npm run dev\` needs none of it.

# The address that is paid.
PAY_TO=${payTo ?? ""}

# Settles the payments: the URL of an x402 facilitator that supports the network.
FACILITATOR_URL=

# Base Sepolia, a test network. Base itself is eip155:8453.
NETWORK=eip155:84532

# A node of the network, asked what has become of a payment when the facilitator cannot tell. Better set.
RPC_URL=

PORT=3000

# The file in which calls, payments and jobs are kept. Keep it: it says what was paid and what is owed.
DATABASE=./api.db
`;
}

/** `tsconfig.json` of a new project: as strict as it goes, for files that Node.js runs as they are. */
export const TSCONFIG = `{
  "compilerOptions": {
    "target": "es2023",
    "lib": ["es2023", "dom", "dom.iterable", "dom.asynciterable"],
    "types": ["node"],
    "module": "nodenext",
    "strict": true,
    "noUncheckedIndexedAccess": true,
    "exactOptionalPropertyTypes": true,
    "noUnusedLocals": true,
    "noUnusedParameters": true,
    "noImplicitOverride": true,
    "noImplicitReturns": true,
    "noFallthroughCasesInSwitch": true,
    "noPropertyAccessFromIndexSignature": true,
    "verbatimModuleSyntax": true,
    "isolatedModules": true,
    "erasableSyntaxOnly": true,
    "allowImportingTsExtensions": true,
    "skipLibCheck": true,
    "noEmit": true
  },
  "include": ["*.ts", "handlers"]
}
`;

export const GITIGNORE = `node_modules/
.env
.resource402/
/api.db*
/site/
/sdk/
`;
