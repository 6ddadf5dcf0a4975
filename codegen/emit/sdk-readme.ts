import { formatUsd, parseUsd } from "../../schema/money.ts";
import { inputTable, outputTable } from "../field-tables.ts";
import { blocks, fenced, priceRange, priceTables, table } from "../markdown.ts";
import { type ApiModel, type ResourceModel, refTo } from "../model.ts";
import { code, literal, string } from "../print.ts";
import { aboutResource, insteadOf, jobText } from "../prose.ts";
import { sampleOf } from "../sample.ts";

/** What the page has to know of the package. */
export interface SdkPage {
  readonly name: string;
  /** Written by, for those who would edit it. */
  readonly mark: string;
  readonly license?: string;
  /** Present when the package knows where the API is. */
  readonly baseUrl?: string;
}

/** `README.md` of a package: what a buyer reads before the first call. Every block of TypeScript compiles. */
export function emitSdkReadme(model: ApiModel, page: SdkPage): string {
  const { title, version, description, resources, license } = model;
  const isPaid = resources.some(({ price }) => price.kind !== "free");
  const jobs = resources.filter(({ job }) => job !== undefined);
  const shown =
    resources.find(({ price, job }) => price.kind !== "free" && job === undefined) ?? resources[0];
  return blocks(
    `<!-- Generated from ${model.source} by \`${page.mark}\`. Do not edit. -->`,
    `# ${page.name}`,
    description,
    `A typed client of ${title} ${version}. ${isPaid ? PAID : ""}It has no dependencies, and runs in Node.js 22 or later, in browsers and in workers.`,
    "## Install",
    fenced("sh", `npm install ${page.name}${isPaid ? " viem     # viem: for an account to pay with" : ""}`),
    "## Quick start",
    ...(shown === undefined ? [] : start(model, page, shown, isPaid)),
    "## Prices",
    overview(resources),
    ...resources.flatMap((resource) => section(model, resource)),
    ...(jobs[0] === undefined ? [] : jobbing(model, jobs[0])),
    ...(isPaid && shown !== undefined ? spending(model, page, shown) : []),
    ...(shown === undefined ? [] : failing(model, page, shown, isPaid)),
    page.license === undefined ? "" : `## License\n\n${page.license}`,
    license?.url === undefined ? "" : `What holds for the API itself: [${license.name}](${license.url}).`,
  );
}

const PAID =
  "It pays for each call by itself ([x402](https://www.x402.org), in dollar tokens) within a budget that you set, " +
  "sends again what got lost without paying twice, and returns typed results. ";

function start(model: ApiModel, page: SdkPage, resource: ResourceModel, isPaid: boolean): string[] {
  const { name, baseUrl } = page;
  const where = baseUrl === undefined ? ['  baseUrl: "https://api.example.com",'] : [];
  if (!isPaid) {
    const options = where.length === 0 ? "" : `{\n${where.join("\n")}\n}`;
    const lines = [
      `import { createClient } from ${string(name)};`,
      "",
      `const client = createClient(${options});`,
    ];
    return [fenced("ts", [...lines, call(model, resource)].join("\n"))];
  }
  const budget = `  budget: { perCall: ${string(highest(model))}, total: ${string(tenfold(highest(model)))} }, // US dollars, checked before anything is signed`;
  const lines = [
    `import { createClient } from ${string(name)};`,
    `import { evmPayer } from ${string(`${name}/evm`)};`,
    'import { privateKeyToAccount } from "viem/accounts";',
    "",
    "const { WALLET_KEY } = process.env;",
    `const account = privateKeyToAccount(WALLET_KEY as \`0x\${string}\`);`,
    "const client = createClient({",
    ...where,
    "  payer: evmPayer(account),",
    budget,
    "});",
    call(model, resource),
  ];
  return [
    fenced("ts", lines.join("\n")),
    "The account needs the token that is paid in, and no gas. Anything with an `address` that signs typed data (EIP-712) " +
      "will do as an account, such as a wallet in a browser; so will any `x402Client` as a payer.",
  ];
}

function call(model: ApiModel, { name, typeName }: ResourceModel, member = ""): string {
  const before = `const ${member === ".start" ? "job" : "output"} = await client.${name}${member}(`;
  return `${before}${literal(exampleOf(model, name, typeName), "", `${before});`)});`;
}

function exampleOf({ resources, schemas }: ApiModel, name: string, typeName: string): unknown {
  const given = resources.find((resource) => resource.name === name)?.examples[0];
  return given?.input ?? sampleOf(schemas, { $ref: refTo(`${typeName}Input`) });
}

/** The most that any one call can cost. */
function highest({ resources }: ApiModel): string {
  const most = resources.map(({ priceBounds }) => parseUsd(priceBounds.max));
  return formatUsd(most.reduce((a, b) => (a > b ? a : b), 0n));
}

function tenfold(usd: string): string {
  return formatUsd(parseUsd(usd) * 10n);
}

function overview(resources: readonly ResourceModel[]): string {
  const rows = resources.map((resource) => [
    `[${resource.name}](#${resource.name.toLowerCase()})`,
    resource.summary,
    priceRange(resource),
    resource.job === undefined ? "at once" : jobText(resource.job),
  ]);
  return table(["Call", "What you get", "Price", "Answer"], rows);
}

function section(model: ApiModel, resource: ResourceModel): string[] {
  const { name, summary, deprecated, price, pricedDefaults, errors } = resource;
  const codes = errors.map(({ code: word, text }) => [code(word), text]);
  return [
    `### ${name}`,
    deprecated === undefined ? "" : `**Deprecated.** ${insteadOf(deprecated)}`,
    summary,
    ...aboutResource(resource),
    ...priceTables(price, pricedDefaults),
    fenced("ts", call(model, resource)),
    "It takes:",
    inputTable(resource, model.schemas),
    "It returns:",
    outputTable(resource, model.schemas),
    codes.length === 0 ? "" : table(["It fails with", "when"], codes),
  ];
}

function jobbing(model: ApiModel, resource: ResourceModel): string[] {
  const { name } = resource;
  const lines = [
    call(model, resource, ".start"),
    `for await (const { progress } of job) process.stdout.write(\`\${progress} %\\n\`);`,
    'const output = await job.result({ timeout: "5m" });',
    "",
    "const saved = JSON.stringify(job); // enough to come back to it in another process",
    `const cancelled = await client.${name}.resume(JSON.parse(saved)).cancel();`,
  ];
  return [
    "## Jobs",
    `Called as a function, ${code(name)} starts, pays, waits and returns the result. \`start\` returns as soon as the job ` +
      "is accepted:",
    fenced("ts", lines.join("\n")),
  ];
}

function spending(model: ApiModel, { name }: SdkPage, resource: ResourceModel): string[] {
  const input = literal(exampleOf(model, resource.name, resource.typeName));
  const price =
    resource.price.kind === "quoted" ? "undefined: only the server can tell" : "exact, and sends nothing";
  const lines = [
    `const usd = client.${resource.name}.quote(${input}); // ${price}`,
    `const output = await client.${resource.name}(${input}, {`,
    `  maxPrice: ${string(resource.priceBounds.max)},`,
    '  idempotencyKey: "order-1001", // sent again with the same input, it is not charged again',
    "});",
  ];
  const keeping = [
    `import { fileCalls } from ${string(`${name}/node`)}; // in a browser: storageCalls(localStorage)`,
    "",
    'const calls = fileCalls("./calls"); // createClient({ calls, … })',
    "for (const call of await client.pending()) await call.resume(); // at the next start",
  ];
  return [
    "## Budget",
    "Nothing is signed above the published price of the input, above `budget.perCall`, or beyond what is left of " +
      "`budget.total`; what is signed is a payment of exactly that price.",
    fenced("ts", lines.join("\n")),
    "A call is kept from the moment its payment is signed until its end is known. Where it is kept decides what it " +
      "outlives: by default the process, with `fileCalls` a crash.",
    fenced("ts", keeping.join("\n")),
  ];
}

function failing(model: ApiModel, { name }: SdkPage, resource: ResourceModel, isPaid: boolean): string[] {
  const lines = [
    `import { isResourceError } from ${string(name)};`,
    "",
    "try {",
    ...call(model, resource)
      .replace(/^const output = /, "")
      .split("\n")
      .map((line) => `  ${line}`),
    "} catch (error) {",
    "  if (!isResourceError(error)) throw error;",
    `  const { code, failure, ${isPaid ? "charged, " : ""}requestId } = error;`,
    "}",
  ];
  const words = CODES.filter(([word]) => isPaid || !word.startsWith("payment_"));
  const rows = words.map(([word, meaning]) => [code(word), meaning]);
  return [
    "## Errors",
    `Calls throw a \`ResourceError\`.${isPaid ? CHARGED : ""}`,
    fenced("ts", lines.join("\n")),
    table(["`code`", "Meaning"], rows),
  ];
}

const CHARGED =
  " `charged` says what happened to the money: `no`, `yes`, `refunded`, or `unknown` (send the call again with " +
  "`error.idempotencyKey` and the same input: it is not charged twice).";

const CODES: readonly (readonly [code: string, meaning: string])[] = [
  ["invalid_input", "The input is not accepted, and costs nothing; `issues` says why."],
  ["payment_refused", "The client did not sign; `reason` says which rule forbade it, such as `over_budget`."],
  ["payment_rejected", "The payment was not taken; `reason` says why."],
  ["failed", "The work failed; `failure` is one of the words listed with the call, or of the protocol."],
  ["wait_timeout", "The wait is over, the job goes on; come back with `resume(error.jobId)`."],
  ["http", "Another HTTP status; `status` says which."],
  ["network", "No answer after all retries."],
  ["protocol", "The answer is not what the protocol allows."],
];
