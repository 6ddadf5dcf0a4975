import { durationText } from "../../schema/duration.ts";
import { PROBLEMS, type ProblemCode } from "../../src/protocol/problem.ts";
import {
  CHARGED,
  ERRORS,
  JOB_STATUSES,
  JOB_USES,
  JOBS,
  PAYING,
  PAYING_HERE,
  RELYING,
  REPEATING,
} from "../docs/guide.ts";
import { sellersProse } from "../docs/prose.ts";
import { inputTable, outputTable } from "../field-tables.ts";
import { blocks, fenced, priceRange, priceTables, table } from "../markdown.ts";
import { type ApiModel, type ResourceModel, refTo } from "../model.ts";
import { banner, code, literal, shell, string } from "../print.ts";
import { cacheText, cancelText, chargeText, insteadOf, jobText, runText, startText } from "../prose.ts";
import { sampleOf } from "../sample.ts";

/** `API.md`: one page for people. */
export function emitReference(model: ApiModel, evm = "resource402/evm"): string {
  const { title, version, description, resources } = model;
  const overview = resources.map((resource) => [
    `[${resource.name}](#${anchorOf(resource.name)})`,
    priceRange(resource),
    resource.summary,
    resource.job !== undefined ? jobText(resource.job) : resource.isForeignJob ? "job" : "synchronous",
  ]);
  return blocks(
    `<!-- ${banner(model.source)} -->`,
    `# ${title}`,
    sellersProse(description),
    `Version ${version}.`,
    "## Prices",
    table(["Resource", "Price", "What you get", "Answer"], overview),
    "## How paying works",
    PAYING,
    ...(model.isForeign ? [] : [PAYING_HERE, REPEATING]),
    ...connecting(model, evm),
    ...(model.isForeign ? [] : ["## What you can rely on", ...RELYING]),
    ...(resources.some(({ job }) => job !== undefined) ? jobs() : []),
    ...resources.map((resource) => section(resource, model)),
    ...(model.isForeign
      ? []
      : ["## Errors", ERRORS, table(["Status", "Code", "Meaning", "Charged", "Try again"], libraryErrors())]),
  );
}

/** The anchor that GitHub gives to a heading. It numbers repeated names. */
function anchorOf(name: string): string {
  const word = name.toLowerCase();
  return word === "jobs" || word === "prices" ? `${word}-1` : word;
}

/** How a buyer creates the client that the examples use. */
function connecting({ servers, resources }: ApiModel, evm: string): string[] {
  const baseUrl = servers[0]?.url ?? "https://api.example.com";
  const highest = resources
    .map(({ priceBounds }) => priceBounds.max)
    .sort((a, b) => Number(b) - Number(a))[0];
  const budget = Number(highest ?? 0) > 0 ? `,\n  budget: { perCall: ${string(highest ?? "0")} }` : "";
  const client = `const client = createClient({
  baseUrl: ${string(baseUrl)},
  payer: evmPayer(account)${budget},
});`;
  return [
    fenced(
      "ts",
      `import { evmPayer } from ${string(evm)};\nimport { createClient } from "./client.gen.ts";\n\n${client}`,
    ),
  ];
}

function jobs(): string[] {
  const statuses = JOB_STATUSES.map(([status, state, ...rest]) => [code(status), code(state), ...rest]);
  return [
    "## Jobs",
    JOBS,
    table(["To", "Do"], JOB_USES),
    table(["`status`", "`state`", "Meaning", "Charged"], statuses),
  ];
}

function section(resource: ResourceModel, model: ApiModel): string {
  const { name, summary, description, deprecated, method, path, price, priceSentence } = resource;
  return blocks(
    `## ${name}`,
    deprecated === undefined ? "" : `**Deprecated.** ${insteadOf(deprecated)}`,
    sellersProse(summary),
    sellersProse(description ?? ""),
    code(`${method} ${path}`),
    // A table is clearer than a long sentence.
    price.kind === "byChoice" ? "" : priceSentence,
    ...priceTables(price, resource.pricedDefaults),
    wholePrice(resource),
    running(resource),
    ...request(resource, model),
    "### Input",
    inputTable(resource, model.schemas),
    "### Output",
    outputTable(resource, model.schemas),
    ...declaredErrors(resource),
  );
}

function declaredErrors({ errors, price, charge }: ResourceModel): string[] {
  if (errors.length === 0) return [];
  const charged =
    price.kind === "free" ? "" : charge === "after" ? "no" : "yes, and a refund is owed to the payer";
  const rows = errors.map(({ code: word, text }) => [code(word), text, charged]);
  return ["### Error codes", table(["Code", "Meaning", "Charged"], rows)];
}

/** The total price range of a call with a price per unit. */
function wholePrice(resource: ResourceModel): string {
  const { kind } = resource.price;
  return kind === "perUnit" || kind === "sum" ? `In total, a call costs ${priceRange(resource)}.` : "";
}

function running(resource: ResourceModel): string {
  const { job, timeoutMs, charge } = resource;
  const sentences = [startText(resource), chargeText(resource), cancelText(resource), cacheText(resource)];
  const rest = sentences.filter((sentence) => sentence !== "").join(" ");
  if (charge === "unknown") return "Synchronous.";
  if (job === undefined)
    return `Synchronous, with a time limit of ${durationText(timeoutMs)}. ${rest}`.trim();
  const filled = [
    job.artifactUrl === undefined ? "" : ` \`artifactUrl\` is the output's ${code(job.artifactUrl)}.`,
    job.response === undefined ? "" : ` \`response\` is the output's ${code(job.response)}.`,
  ].join("");
  return (
    "Runs as a [job](#jobs): the answer is `202` with a `statusUrl`, where the output is the `result` in the end." +
    `${filled} It runs ${runText(job)}; its result is kept for ` +
    `${durationText(job.retentionMs)}. ${rest}`
  ).trim();
}

function request(resource: ResourceModel, { schemas, servers }: ApiModel): string[] {
  const { name, typeName, method, path, pathParams, examples } = resource;
  // Of a schema without an end there is no sample.
  const input = (examples[0]?.input ??
    sampleOf(schemas, { $ref: refTo(`${typeName}Input`) }) ??
    {}) as object;
  const values = new Map<string, unknown>(Object.entries(input));
  const take = (name: string): string => {
    const value = values.get(name);
    values.delete(name);
    return encodeURIComponent(String(value));
  };
  const address = pathParams.reduce((path, name) => path.replace(`:${name}`, () => take(name)), path);
  const query = [...values].flatMap(([name, value]) =>
    [value].flat().map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(String(one))}`),
  );
  const url = (servers[0]?.url ?? "https://api.example.com").replace(/\/$/, "") + address;
  const command =
    method === "GET"
      ? `curl ${shell(query.length === 0 ? url : `${url}?${query.join("&")}`)}`
      : `curl ${shell(url)} \\\n  -H 'Content-Type: application/json' \\\n  -d ${shell(JSON.stringify(Object.fromEntries(values)))}`;
  const call = `const output = await client.${name}(`;
  const answer = examples[0]?.output ?? sampleOf(schemas, { $ref: refTo(`${typeName}Output`) });
  return [
    "### Request",
    fenced("sh", command),
    fenced("ts", `${call}${literal(input, "", `${call});`)});`),
    "The output:",
    fenced("json", JSON.stringify(answer, null, 2)),
  ];
}

function libraryErrors(): string[][] {
  return Object.entries(PROBLEMS).map(([word, [status, title, retryable]]) => [
    String(status),
    code(word),
    title,
    CHARGED[word as ProblemCode],
    retryable ? "yes" : "no",
  ]);
}
