import { type ApiModel, compareText } from "../model.ts";
import { imports, jsdoc, string } from "../print.ts";

/** What a package needs beside the model. */
export interface SdkOptions {
  /** The package's name: `@pixel/studio`. */
  readonly name: string;
  /** The package's own version. */
  readonly version: string;
  /** An SPDX expression. */
  readonly license?: string;
  /** Where the source is kept, as package.json has it. */
  readonly repository?: string;
  /** Where the API is served, so that buyers need not say it. */
  readonly baseUrl?: string;
}

/** By what a package is known to have been written here, and may be written again. */
export const SDK_MARK = "resource402 sdk";

/** What the runtime offers to buyers: all of it but `connect`, which `createClient` has taken the place of. */
const VALUES = ["isResourceError", "memoryCalls", "ResourceError", "storageCalls"];
const TYPES = [
  ...[
    "BudgetAmounts",
    "BudgetOptions",
    "CallCheck",
    "CallName",
    "CallOptions",
    "Calls",
    "Charged",
    "ClientEvent",
    "ErrorCode",
    "ErrorResponse",
    "Job",
  ],
  ...[
    "JobCallOptions",
    "JobDocument",
    "JobFormat",
    "JobResource",
    "JobState",
    "JobUpdate",
    "Payer",
    "PaymentPayload",
  ],
  ...["PaymentRequirements", "PaymentState", "PendingCall", "Receipt", "RefusalReason", "Resource"],
  ...[
    "SavedCall",
    "SavedJob",
    "SavedPayment",
    "SavedRequest",
    "ServerSentEvent",
    "StorageLike",
    "TrustedAsset",
    "WaitOptions",
  ],
];

/** The doors of the package, by their name in `dist`. */
const SDK_DOORS = { index: ".", evm: "./evm", node: "./node" } as const;

/** `package.json`. */
export function emitSdkManifest(model: ApiModel, options: SdkOptions): string {
  const { name, version, license, repository } = options;
  const { contact } = model;
  const doors = Object.entries(SDK_DOORS).map(([file, door]) => [
    door,
    { types: `./dist/${file}.d.ts`, default: `./dist/${file}.js` },
  ]);
  const tags = model.resources.flatMap((resource) => resource.tags.map((tag) => tag.toLowerCase()));
  const manifest = {
    "//": `Generated from ${model.source} by \`${SDK_MARK}\`. Do not edit.`,
    name,
    version,
    description: `${model.title}: ${model.description
      .split(/\n\s*\n/)[0]
      ?.replace(/\s+/g, " ")
      .trim()}`,
    keywords: [...new Set(["x402", "http-402", "payments", "api-client", ...tags.sort(compareText)])],
    ...(contact?.name === undefined ? {} : { author: contact }),
    ...(license === undefined ? {} : { license }),
    ...(repository === undefined ? {} : { repository: { type: "git", url: repository } }),
    type: "module",
    sideEffects: false,
    engines: { node: ">=22" },
    files: ["dist"],
    exports: { ...Object.fromEntries(doors), "./package.json": "./package.json" },
    publishConfig: { access: "public", provenance: true },
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** The modules of the client's runtime, by what they are called in `dist`. Two of them are entries of the package. */
export const SDK_RUNTIME = { client: "runtime", evm: "evm", node: "node" } as const;
const RUNTIME = `./${SDK_RUNTIME.client}.js`;

/** `index.ts`, the source of the package's main door. It stands beside `client.gen.ts` and `types.gen.ts`. */
export function emitSdkIndex(model: ApiModel, { name, baseUrl }: SdkOptions): string {
  // A schema of the seller's that has the same name is what the buyer means by it.
  const types = TYPES.filter((type) => !(type in model.schemas)).map((type) => `type ${type}`);
  const library = [...types, ...VALUES].sort((a, b) => compareText(bare(a), bare(b)));
  return [
    baseUrl === undefined ? CONNECTED : connecting(model, baseUrl),
    'export type * from "./types.gen.js";\n',
    imports("import", library, RUNTIME).replace("import", "export"),
  ].join("");

  function connecting({ title }: ApiModel, baseUrl: string): string {
    const opening =
      `Connects to ${title}. The options say who pays, and how much at most; without a payer, what is free ` +
      `can be called, and prices can be asked. \`evmPayer\` of \`${name}/evm\` pays with an EVM account.`;
    return `${imports("import", ["type Client", "createClient as connect"], "./client.gen.js")}${imports("import type", ["ClientOptions as Options"], RUNTIME)}
export type { Client } from "./client.gen.js";

export interface ClientOptions extends Omit<Options, "baseUrl"> {
${jsdoc([`Where the API is served. @default ${string(baseUrl)}`], "  ")}  readonly baseUrl?: string;
}

${jsdoc([opening])}export function createClient(options: ClientOptions = {}): Client {
  return connect({ ...options, baseUrl: options.baseUrl ?? ${string(baseUrl)} });
}

`;
  }
}

const CONNECTED = `export { type Client, createClient } from "./client.gen.js";
export type { ClientOptions } from "${RUNTIME}";
`;

function bare(name: string): string {
  return name.replace(/^type /, "").toLowerCase();
}
