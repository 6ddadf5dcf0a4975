import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@hey-api/openapi-ts";
import openapiTS, { astToString } from "openapi-typescript";
import { generate } from "orval";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import studio from "../../examples/studio/resources.ts";
import { apiOf, modelOf } from "./definitions.ts";
import { diagnose } from "./diagnose.ts";

/** Other people's generators, with the settings they come with, make the right types of our document. */

const address = z
  .object({
    street: z.string().describe("Street and number."),
    country: z.enum(["de", "jp"]).default("de").describe("Where it is."),
  })
  .meta({ id: "Address" });
const parcel = z
  .object({ to: address.describe("To whom."), grams: z.int().min(1).default(100).describe("Its weight.") })
  .meta({ id: "Parcel" });
const label = z.object({ text: z.string().describe("What it says.") }).meta({ id: "Label" });
const folder = z
  .object({
    name: z.string().describe("Its name."),
    open: z.boolean().default(true).describe("Whether it is open."),
    get inside(): z.ZodDefault<z.ZodArray<z.ZodType>> {
      return z.array(folder).default([]).describe("Folders in it.");
    },
  })
  .meta({ id: "Folder" });
const job = { timeout: "1m" };

/** Objects that are sent and answered, one in another, with defaults at every depth. */
const parcels = apiOf({
  send: {
    input: z.object({
      parcels: z.array(parcel).max(3).describe("What to send."),
      spare: parcel.optional().describe("Sent when there is room."),
      label: label.describe("On top."),
      express: z.boolean().default(false).describe("Whether it is urgent."),
    }),
    output: z.object({
      parcels: z.array(parcel).describe("What was sent."),
      label: label.describe("On top."),
      note: z.string().default("").describe("About it."),
      late: z.string().optional().describe("Why it is late."),
    }),
  },
  sort: {
    input: z.object({ root: folder.describe("What to sort.") }),
    output: z.object({ root: folder.describe("What was sorted.") }),
  },
  find: {
    method: "GET",
    path: "/v1/parcels/:id",
    input: z.object({
      id: z.string().max(9).describe("Which."),
      pages: z.int().min(1).max(9).default(1).describe("How many."),
    }),
    output: parcel,
  },
  draw: { job, errors: { refused: "It was refused." } },
  film: { job, output: z.object({ url: z.url().describe("Where it is.") }) },
});

const EQUAL = `
type Flat<T> = T extends (infer U)[] ? Flat<U>[] : T extends object ? { [K in keyof T]: Flat<T[K]> } : T;
type Same<A, B> = (<T>() => T extends Flat<A> ? 1 : 2) extends <T>() => T extends Flat<B> ? 1 : 2 ? true : false;
type PaymentState = "unused" | "in_flight" | "settled" | "refund_owed" | "refunded";
type Status = "awaiting_payment" | "queued" | "running" | "succeeded" | "failed" | "cancelled" | "expired";
`;

/** What holds whatever tool has made the types; each tool says before it what these names stand for. */
const STUDIO = `
export const caption: Same<CaptionBody, { imageUrl: string; tone?: "plain" | "witty" }> = true;
export const image: Same<ImageBody, {
  prompt: string; quality?: "draft" | "standard" | "high"; palette?: "dusk" | "meadow" | "ember";
}> = true;
export const captionAnswer: Same<CaptionAnswer, { caption: string }> = true;
export const path: Same<PalettePath, { name: "dusk" | "meadow" | "ember" }> = true;
export const palette: Same<PaletteAnswer, { colours: string[] }> = true;
export const result: Same<Ended["result"], { imageUrl: string; width: number } | undefined> = true;
export const ended: Same<Omit<Ended, "result" | "receipt">, {
  jobId: string; resource: string; state: "processing" | "succeeded" | "failed"; status: Status; progress: number;
  message?: string; artifactUrl?: string; response?: string; error?: string; code?: string;
  retryAfterSeconds?: number; eventsUrl?: string; createdAt: string; updatedAt: string; expiresAt?: string;
  paymentState?: PaymentState;
}> = true;
export const accepted: Same<Omit<Accepted, "receipt">, {
  success: true; jobId: string; statusUrl: string; eventsUrl: string; state: "processing"; status: Status;
  retryAfterSeconds: number; expiresAt: string; webhookSecret?: string; paymentState?: PaymentState;
}> = true;
export const receipt: Same<Required<Accepted>["receipt"]["settledAt"], string> = true;
export const unpaid: Same<Omit<Unpaid, "accepts">, {
  x402Version: 1; error: string; paymentState?: "unused" | "in_flight";
}> = true;
export const price: Same<Unpaid["accepts"][number]["maxAmountRequired"], string> = true;
export const problem: Same<Omit<Refused, "code">, {
  type: string; title: string; status: number; detail: string; error: string; retryable: boolean;
  details?: { path: string; message: string }[]; paymentState?: PaymentState; requestId: string;
}> = true;
export const code: "unknown_image" extends Refused["code"] ? true : false = true;
// @ts-expect-error a closed set
export const noCode: Refused["code"] = "no_such_code";
`;

const PARCELS = `
type ParcelIn = { to: { street: string; country?: "de" | "jp" }; grams?: number };
type ParcelOut = { to: { street: string; country: "de" | "jp" }; grams: number };
type FolderIn = { name: string; open?: boolean; inside?: FolderIn[] };
type FolderOut = { name: string; open: boolean; inside: FolderOut[] };
export const sent: Same<SendBody, {
  parcels: ParcelIn[]; spare?: ParcelIn; label: { text: string }; express?: boolean;
}> = true;
export const arrived: Same<SendAnswer, {
  parcels: ParcelOut[]; label: { text: string }; note: string; late?: string;
}> = true;
declare const given: FolderIn;
export const root: SortBody["root"] = given;
export const nested: SortBody = { root: { name: "a", inside: [{ name: "b" }] } };
declare const answered: SortAnswer["root"];
export const sorted: FolderOut = answered;
export const deep: boolean | undefined = answered.inside[0]?.inside[0]?.open;
// @ts-expect-error what is answered always says whether it is open
export const noFolder: SortAnswer["root"] = { name: "a", inside: [] };
export const query: Same<FindQuery, { pages?: number } | undefined> = true;
export const found: Same<FindAnswer, ParcelOut> = true;
declare const drawn: NonNullable<Drawn["result"]>;
export const captionOf: string = drawn.caption;
declare const filmed: NonNullable<Filmed["result"]>;
export const urlOf: string = filmed.url;
// @ts-expect-error a film has no caption
export const noCaption: string = filmed.caption;
export const asked: Same<NonNullable<Asked["result"]>, { caption: string } | { url: string }> = true;
`;

interface Tool {
  /** Files by path. */
  run(document: object, folder: string): Promise<Readonly<Record<string, string>>>;
  /** What the names of the checks stand for. */
  readonly studio: string;
  readonly parcels: string;
}

function filesIn(folder: string): Readonly<Record<string, string>> {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".ts"),
  );
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(folder, path), "utf8")]));
}

function written(document: object, folder: string): string {
  const input = join(folder, "openapi.json");
  writeFileSync(input, JSON.stringify(document));
  return input;
}

const TOOLS: Readonly<Record<string, Tool>> = {
  "openapi-typescript": {
    async run(document) {
      return { "api.ts": astToString(await openapiTS(structuredClone(document) as never)) };
    },
    studio: `import type { operations } from "./api.ts";
type Json<T> = T extends { content: { "application/json": infer B } } ? B : never;
type CaptionBody = Json<operations["caption"]["requestBody"]>;
type ImageBody = Json<operations["generateImage"]["requestBody"]>;
type CaptionAnswer = Json<operations["caption"]["responses"][200]>;
type PalettePath = operations["palette"]["parameters"]["path"];
type PaletteAnswer = Json<operations["palette"]["responses"][200]>;
type Ended = Json<operations["generateImage"]["responses"][200]>;
type Accepted = Json<operations["generateImage"]["responses"][202]>;
type Unpaid = Json<operations["generateImage"]["responses"][402]>;
type Refused = operations["caption"]["responses"][422]["content"]["application/problem+json"];
`,
    parcels: `import type { operations } from "./api.ts";
type Json<T> = T extends { content: { "application/json": infer B } } ? B : never;
type SendBody = Json<operations["send"]["requestBody"]>;
type SendAnswer = Json<operations["send"]["responses"][200]>;
type SortBody = Json<operations["sort"]["requestBody"]>;
type SortAnswer = Json<operations["sort"]["responses"][200]>;
type FindQuery = operations["find"]["parameters"]["query"];
type FindAnswer = Json<operations["find"]["responses"][200]>;
type Drawn = Json<operations["draw"]["responses"][200]>;
type Filmed = Json<operations["film"]["responses"][200]>;
type Asked = Json<operations["getJob"]["responses"][200]>;
`,
  },
  "hey-api": {
    async run(document, folder) {
      const path = join(folder, "out");
      await createClient({
        input: written(document, folder),
        output: { path },
        logs: { level: "silent", file: false },
      });
      return filesIn(path);
    },
    studio: `import type * as api from "./index.ts";
type CaptionBody = api.CaptionData["body"];
type ImageBody = api.GenerateImageData["body"];
type CaptionAnswer = api.CaptionResponses[200];
type PalettePath = api.PaletteData["path"];
type PaletteAnswer = api.PaletteResponses[200];
type Ended = api.GenerateImageResponses[200];
type Accepted = api.GenerateImageResponses[202];
type Unpaid = api.GenerateImageErrors[402];
type Refused = api.CaptionErrors[422];
`,
    parcels: `import type * as api from "./index.ts";
type SendBody = api.SendData["body"];
type SendAnswer = api.SendResponses[200];
type SortBody = api.SortData["body"];
type SortAnswer = api.SortResponses[200];
type FindQuery = api.FindData["query"];
type FindAnswer = api.FindResponses[200];
type Drawn = api.DrawResponses[200];
type Filmed = api.FilmResponses[200];
type Asked = api.GetJobResponses[200];
`,
  },
  orval: {
    async run(document, folder) {
      const target = join(folder, "api.ts");
      await generate({ input: written(document, folder), output: { target, client: "fetch" } });
      return filesIn(folder);
    },
    studio: `import type * as api from "./api.ts";
type CaptionBody = api.CaptionBody;
type ImageBody = api.GenerateImageBody;
type CaptionAnswer = api.captionResponse200["data"];
type PalettePath = { name: Parameters<typeof api.palette>[0] };
type PaletteAnswer = api.paletteResponse200["data"];
type Ended = api.generateImageResponse200["data"];
type Accepted = api.generateImageResponse202["data"];
type Unpaid = api.generateImageResponse402["data"];
type Refused = api.captionResponse422["data"];
`,
    parcels: `import type * as api from "./api.ts";
type SendBody = api.SendBody;
type SendAnswer = api.sendResponse200["data"];
type SortBody = api.SortBody;
type SortAnswer = api.sortResponse200["data"];
type FindQuery = Parameters<typeof api.find>[1];
type FindAnswer = api.findResponse200["data"];
type Drawn = api.drawResponse200["data"];
type Filmed = api.filmResponse200["data"];
type Asked = api.getJobResponse200["data"];
`,
  },
};

// What they write is held to the settings of a usual project, not to ours.
const STRICT: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  exactOptionalPropertyTypes: false,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: false,
  noUnusedLocals: false,
  noUnusedParameters: false,
  noImplicitOverride: false,
  noImplicitReturns: false,
  verbatimModuleSyntax: false,
  isolatedDeclarations: false,
  erasableSyntaxOnly: false,
  declaration: false,
};

const documentOf = async (api: unknown): Promise<object> => JSON.parse(emitOpenapi(await modelOf(api)));

describe.each(Object.entries(TOOLS))("%s, with the settings it comes with,", (name, tool) => {
  const folder = mkdtempSync(join(tmpdir(), "third-party-"));
  // They tell the console how it went.
  beforeAll(() => {
    for (const method of ["log", "info", "warn"] as const) {
      vi.spyOn(console, method).mockImplementation(() => undefined);
    }
  });
  afterAll(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true });
  });

  async function faults(of: "studio" | "parcels", api: unknown, checks: string): Promise<string[]> {
    const own = mkdtempSync(join(folder, of));
    const files = await tool.run(await documentOf(api), own);
    const check = `${tool[of]}${EQUAL}${checks}`;
    return diagnose(`test/codegen/${name}-${of}`, { ...files, "check.ts": check }, STRICT);
  }

  it("types the studio's calls, jobs, challenges and problems exactly", async () => {
    expect(await faults("studio", studio, STUDIO)).toEqual([]);
  });

  it("makes a defaulted field optional where it is sent and required where it is answered, at any depth", async () => {
    expect(await faults("parcels", parcels, PARCELS)).toEqual([]);
  });
});

it("the checks would notice a field that is required where it is sent", async () => {
  const document = JSON.parse(JSON.stringify(await documentOf(studio))) as {
    paths: Record<
      string,
      { post: { requestBody: { content: Record<string, { schema: { required: string[] } }> } } }
    >;
  };
  document.paths["/v1/caption"]?.post.requestBody.content["application/json"]?.schema.required.push("tone");
  const tool = TOOLS["openapi-typescript"] as Tool;
  const files = await tool.run(document, "");
  const check = `${tool.studio}${EQUAL}${STUDIO}`;
  const [fault, ...more] = diagnose("test/codegen/required", { ...files, "check.ts": check }, STRICT);
  expect(more).toEqual([]);
  expect(fault).toMatch(/check\.ts:\d+ Type 'true' is not assignable to type 'false'/);
});
