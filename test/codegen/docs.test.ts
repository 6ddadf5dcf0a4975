import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { writeDocs } from "../../codegen/cli/docs.ts";
import { walk } from "../../codegen/convert/walk.ts";
import { draw } from "../../codegen/docs/tables.ts";
import { emitDocs } from "../../codegen/emit/docs.ts";
import { emitReference } from "../../codegen/emit/reference.ts";
import { type ApiModel, refTo, resolve } from "../../codegen/model.ts";
import { limitsText } from "../../codegen/prose.ts";
import studio from "../../examples/studio/resources.ts";
import { amountsIn } from "../../schema/price.ts";
import { PROBLEMS } from "../../src/protocol/problem.ts";
import awkward from "../fixtures/awkward/resources.ts";
import shop from "../fixtures/shop/resources.ts";
import { apiOf, apiWith, modelOf } from "./definitions.ts";

const pageOf = (model: ApiModel): string => emitDocs(model, emitReference(model));

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"' };

/** What a reader of the page sees, without the marks of Markdown that stand in what is expected. */
function textOf(html: string): string {
  return html
    .replace(/<script[\s\S]*?<\/script>|<style>[\s\S]*?<\/style>/g, "")
    .replace(/<\/?(?:code|i|b|a|strong|wbr)\b[^>]*>/g, "")
    .replace(/<[^>]*>/g, " ")
    .replace(/&(amp|lt|gt|quot);/g, (_, name: string) => ENTITIES[name] ?? "");
}
const plain = (text: string): string => text.replace(/[`\\]/g, "").replace(/\s+/g, " ").trim();

/** The section of a resource. */
function sectionOf(html: string, name: string): string {
  const start = html.indexOf(`<a href="#${name.toLowerCase()}">${name}</a></h2>`);
  expect(start).toBeGreaterThan(0);
  return html.slice(start, html.indexOf("</section>", start));
}

describe.each([
  ["studio", studio],
  ["shop", shop],
  ["awkward fixture", awkward],
])("the page of the %s", (_, api) => {
  it("shows of each resource its prose, its prices, its fields with defaults and limits, and its errors", async () => {
    const model = await modelOf(api);
    const html = pageOf(model);
    for (const resource of model.resources) {
      const text = plain(textOf(sectionOf(html, resource.name)));
      const says = (part: string) => expect(text).toContain(plain(part));
      for (const part of [resource.summary, resource.description ?? "", resource.path]) says(part);
      for (const { usd } of amountsIn(resource.price)) says(`$${usd}`);
      for (const choice of "table" in resource.price ? Object.keys(resource.price.table) : []) says(choice);
      for (const { code, text } of resource.errors) for (const part of [code, text]) says(part);
      for (const face of ["Input", "Output"]) {
        walk(model.schemas, { $ref: refTo(resource.typeName + face) }, ({ path, schema }) => {
          const own = resolve(model.schemas, schema);
          says(path);
          says(own.description ?? "");
          if (face !== "Input") return;
          says(limitsText(model.schemas, { ...own, $ref: undefined } as never));
          if (own.default !== undefined) says(`default ${JSON.stringify(own.default)}`);
        });
      }
    }
  });

  it("is byte-identical on every build", async () => {
    const model = await modelOf(api);
    expect(pageOf(await modelOf(api))).toBe(pageOf(model));
    expect(pageOf(model)).not.toMatch(/\r/);
  });

  it("loads no external assets and runs only its own scripts", async () => {
    const html = pageOf(await modelOf(api));
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">\n/);
    const markup = html.replace(/<script[\s\S]*?<\/script>/g, "");
    expect(markup).not.toMatch(
      /<(?:link|img|iframe|object|embed|base|form)\b|\ssrc=|\sstyle=|\son[a-z]+=|@import|url\(/,
    );
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1] ?? "";
    const inline = [...html.matchAll(/<(?:script|style)>([\s\S]*?)<\/(?:script|style)>/g)];
    expect(inline.length).toBe(3);
    for (const [, text = ""] of inline) {
      expect(policy).toContain(`'sha256-${createHash("sha256").update(text).digest("base64")}'`);
    }
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
  });
});

describe("prices on the page", () => {
  it("stand in a table for each choice, with the default marked, for each unit with least and most, and for each part of a sum", async () => {
    const html = pageOf(
      await modelOf(
        apiOf({
          pick: { price: price("byChoice") },
          count: { price: price("perUnit") },
          both: { price: price("sum") },
          ask: { price: price("quoted") },
        }),
      ),
    );
    const tables = (name: string) =>
      [...sectionOf(html, name).matchAll(/class="scroll prices".*?<table>([\s\S]*?)<\/table>/g)].map(
        ([, table = ""]) => plain(textOf(table)),
      );
    expect(tables("pick")).toEqual(["tone Price per text plain (default) $0.01 witty $0.02 loud $0.03"]);
    expect(tables("count")).toEqual(["Counted Price per word At least At most count $0.001 $0.002 $0.01"]);
    expect(tables("both")).toEqual([
      "Always Price per order every call $0.05",
      "tone Price per text plain (default) $0.01 witty $0.02 loud $0.03",
    ]);
    expect(tables("ask")).toEqual(["Price per task At least At most as quoted in the 402 $0.10 $0.90"]);
    expect(plain(textOf(sectionOf(html, "both")))).toContain("In total, a call costs $0.06 – $0.08.");
  });

  function price(kind: string): object {
    const table = { plain: "0.01", witty: "0.02", loud: "0.03" };
    const byChoice = { kind: "byChoice", field: "tone", table, per: "text" };
    const fixed = { kind: "fixed", usd: "0.05", per: "order" };
    const unit = {
      kind: "perUnit",
      field: "count",
      usd: "0.001",
      unit: 1,
      per: "word",
      min: "0.002",
      max: "0.01",
    };
    const quoted = { kind: "quoted", min: "0.10", max: "0.90", per: "task" };
    const sum = { kind: "sum", parts: [fixed, byChoice] };
    return [byChoice, unit, sum, quoted].find((one) => one.kind === kind) ?? fixed;
  }
});

describe("errors on the page", () => {
  it("state for each code whether the buyer is charged", async () => {
    const errors = { refused: "Refused." };
    const html = pageOf(
      await modelOf(
        apiOf({
          late: { errors, charge: "after" },
          early: { errors, charge: "before" },
          gratis: { errors, price: { kind: "free" } },
        }),
      ),
    );
    const declared = (name: string) =>
      plain(textOf(sectionOf(html, name).split("<h3>Error codes</h3>")[1] ?? ""));
    expect(declared("late")).toBe("Code Meaning refused Refused. Charged: no");
    expect(declared("early")).toBe(
      "Code Meaning refused Refused. Charged: yes, and a refund is owed to the payer",
    );
    expect(declared("gratis")).toBe("Code Meaning refused Refused.");
    const library = html.slice(html.indexOf('<section id="errors"'));
    expect(library).toContain("Charged");
    for (const code of Object.keys(PROBLEMS)) expect(textOf(library)).toContain(`${code} `);
  });
});

describe("prose of sellers", () => {
  const HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- </style>",
    "[go](javascript:alert(1)) ![pic](https://elsewhere.example/p.png) `tick` ``` ' \" & | $& $1",
  ].join(" ");

  it("is shown as text, wherever it stands", async () => {
    const field = z.string().max(2000).default(HOSTILE).describe(HOSTILE);
    const html = pageOf(
      await modelOf(
        apiWith(
          {
            summary: `Say it. ${HOSTILE}`,
            description: `More.\n\n${HOSTILE}\n\n| a | b |\n| :-: | --: |\n| 1 | ${HOSTILE} |\n`,
            input: z.object({ "<b>": field }),
            output: z.object({ out: z.string().describe(HOSTILE) }),
            price: { kind: "fixed", usd: "0.01", per: "<i>thing</i>" },
            errors: { refused: HOSTILE },
            examples: [{ input: { "<b>": HOSTILE }, output: { out: HOSTILE } }],
          },
          { title: `Test ${HOSTILE}`, description: HOSTILE },
        ),
      ),
    );
    expect(html.match(/<script/g)?.length).toBe(html.match(/<\/script>/g)?.length);
    expect(html.match(/<script/g)?.length).toBe(3);
    expect(html.match(/<\/style>/g)?.length).toBe(1);
    const markup = html.replace(/<script[\s\S]*?<\/script>/g, "").replace(/"[^"]*"/g, "");
    expect(markup).not.toMatch(/<img|<i>thing|<b><|\sstyle=|<[a-z][^>]*\sonerror/);
    expect(html).not.toMatch(/href="javascript:/);
    expect(textOf(html)).toContain("<img src=x onerror=alert(1)>");
    const forms = /<script type="application\/json" id="forms">([\s\S]*?)<\/script>/.exec(html)?.[1] ?? "";
    expect(JSON.parse(forms).forms.caption.fields[0]).toMatchObject({ name: "<b>", value: HOSTILE });
  });

  it("may have headings of its own, which end no section and begin none", async () => {
    const description =
      "## Errors\n\nOurs.\n\n## caption\n\n### Input\n\nWhat you like.\n\n### Request\n\n# Big";
    const html = pageOf(await modelOf(apiWith({ description, errors: { refused: "No." } })));
    expect([...html.matchAll(/<section id="([^"]*)"/g)].map(([, id]) => id)).toEqual([
      "prices",
      "how-paying-works",
      "what-you-can-rely-on",
      "caption",
      "errors",
    ]);
    expect([...html.matchAll(/<h3>([^<]*)/g)].map(([, title]) => title)).toEqual([
      "Input",
      "Output",
      "Error codes",
    ]);
    expect(html.match(/<h1>/g)?.length).toBe(1);
    const own = [...html.matchAll(/<h4>([^<]*)/g)].map(([, title]) => title);
    expect(own).toEqual(["Errors", "caption", "Input", "Request", "Big"]);
  });

  it.each([
    "| state | Meaning |",
    "| Status | Meaning |",
    "| Meaning | Charged |",
    "| Code | Meaning |",
    "| Field | Type |",
    "| Price per image | Do |",
  ])("keeps every cell of a table whose head is like one of ours: %s", async (head) => {
    const description = `${head}\n| --- | --- |\n| one_cell | [two](#a_b) |`;
    const html = pageOf(await modelOf(apiWith({ description: `${description}\n\n\`POST /v1/caption\`` })));
    const [first = "", second = ""] = head.split(" | ").map((text) => text.replaceAll("|", "").trim());
    expect(sectionOf(html, "caption")).toContain(`<table>
<thead>
<tr>
<th>${first}</th>
<th>${second}</th>
</tr>
</thead>
<tbody>
<tr>
<td>one_cell</td>
<td><a href="#a_b">two</a></td>
</tr>
</tbody>
</table>`);
    // The same words of a seller are not taken for the address.
    expect(sectionOf(html, "caption")).toContain(
      '<p><code>POST /v1/caption</code></p>\n<p class="endpoint">',
    );
  });

  it("swallows nothing that follows it, even when a fence in it is never closed", async () => {
    for (const description of ["```ts\nconst a = 1;", "Say.\n\n~~~~\n~~~\nb", "```\na\n```\n\n```sh"]) {
      const html = pageOf(await modelOf(apiWith({ description })));
      expect(sectionOf(html, "caption")).toContain("<h3>Output</h3>");
    }
    const closed = "```ts\nconst a = 1;\n```\n\n# not\n\nText.";
    expect(emitReference(await modelOf(apiWith({ description: closed })))).toContain(
      closed.replace("# not", "#### not"),
    );
  });
});

it("a long code may break between its words, and an address in it stays whole", () => {
  const names = ["Code", "Meaning"];
  const cells = ['<a href="#a_b" title="c_d">e_f</a>', "g_h"];
  expect(draw({ names, head: names, rows: [cells] })).toContain(
    '<tr><th scope="row"><a href="#a_b" title="c_d">e_<wbr>f</a></th><td>g_h</td></tr>',
  );
});

it("resources that are called like a heading of the page have anchors of their own", async () => {
  const html = pageOf(await modelOf(apiOf({ errors: {}, jobs: { job: { timeout: "1m" } }, prices: {} })));
  const ids = [...html.matchAll(/\bid="([^"]*)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [, id] of html.matchAll(/href="#([^"]*)"/g)) expect(ids).toContain(id);
});

describe("resource402 docs", () => {
  const FILES = ["API.md", "index.html", "llms.txt", "openapi.json"];

  async function inFolder(work: (out: string) => Promise<void>): Promise<void> {
    const out = mkdtempSync(join(tmpdir(), "resource402-docs-"));
    try {
      await work(out);
    } finally {
      rmSync(out, { recursive: true });
    }
  }

  it("writes the page and the documents repeatedly, and keeps other files", async () => {
    await inFolder(async (out) => {
      writeFileSync(join(out, "CNAME"), "docs.pixel.example");
      await writeDocs({ model: await modelOf(studio) }, { out, force: false });
      expect(readdirSync(out).sort()).toEqual([...FILES, "CNAME"].sort());
      const changed = await modelOf({ ...studio, title: "Other" });
      await writeDocs({ model: changed }, { out, force: false });
      expect(readFileSync(join(out, "index.html"), "utf8")).toContain("<title>Other</title>");
      expect(readFileSync(join(out, "CNAME"), "utf8")).toBe("docs.pixel.example");
    });
  });

  it("overwrites foreign files only with --force", async () => {
    await inFolder(async (out) => {
      for (const name of ["index.html", "API.md"]) writeFileSync(join(out, name), "mine");
      const model = await modelOf(studio);
      const refused = writeDocs({ model }, { out, force: false });
      await expect(refused).rejects.toThrow(
        /index\.html, .*API\.md was not written by `resource402 docs`.*--force/,
      );
      expect(readdirSync(out).sort()).toEqual(["API.md", "index.html"]);
      await writeDocs({ model }, { out, force: true });
      expect(readdirSync(out).sort()).toEqual(FILES);
    });
  });

  it("names the server from which the document came, where the document says only `here`", async () => {
    await inFolder(async (out) => {
      const model = { ...(await modelOf(studio)), servers: [{ url: "/" }] };
      await writeDocs({ model, baseUrl: "https://api.pixel.example" }, { out, force: false });
      expect(readFileSync(join(out, "index.html"), "utf8")).toContain(
        '{"servers":["https://api.pixel.example"]',
      );
      expect(readFileSync(join(out, "API.md"), "utf8")).toContain(
        "curl 'https://api.pixel.example/v1/caption'",
      );
    });
  });
});
