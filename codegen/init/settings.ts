/** `.env.example` of a new project. */
export function environmentText(payTo: string | undefined): string {
  return `# Copy this file to .env, which is not committed. \`npm run dev\` does not need it.

# The address that receives payments.
PAY_TO=${payTo ?? ""}

# Settles the payments: the URL of an x402 facilitator that supports the network.
FACILITATOR_URL=

# Base Sepolia, a test network. Base itself is eip155:8453.
NETWORK=eip155:84532

# RPC URL of the network (recommended). Finds the outcome of a payment when the facilitator cannot tell.
RPC_URL=

PORT=3000

# The database of calls, payments and jobs. Do not delete it: it records payments and owed refunds.
DATABASE=./api.db
`;
}

/** `tsconfig.json` of a new project: strict, for files that Node.js runs directly. */
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
