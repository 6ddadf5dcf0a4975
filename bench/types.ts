import { definitionOf, type LargeResource, largeApi } from "./build/large-api.ts";
import { CLI, OPENAPI_TYPESCRIPT, TSC, workshop, write } from "./build/workshop.ts";
import { runNode } from "./children.ts";
import { atMost, type Measure } from "./table.ts";

const CALLS = 20;
const TSCONFIG = JSON.stringify({
  compilerOptions: {
    target: "es2023",
    lib: ["es2023", "dom", "dom.iterable"],
    module: "nodenext",
    types: [],
    strict: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    noEmit: true,
  },
  files: ["calls.ts"],
});

/** What a buyer's type checker does for the same API and the same calls. Exact: it does not depend on the machine. */
export const measure: Measure = async ({ quick, log }) => {
  const count = quick ? 40 : 200;
  const resources = largeApi(count);
  const called = resources.slice(0, CALLS);

  const hono = workshop("types-hono", { "app.ts": honoApp(resources), "calls.ts": honoCalls(called) });
  const ours = workshop("types-ours", {
    "resources.ts": definitionOf(resources),
    "calls.ts": ourCalls(called),
  });
  await runNode([CLI, "generate", "resources.ts"], ours);
  const openapiFetch = workshop("types-openapi-fetch", { "calls.ts": openapiFetchCalls(called) });
  // Its default makes every input field with a default required, which no client wants.
  const flags = ["--default-non-nullable", "false"];
  await runNode([OPENAPI_TYPESCRIPT, `${ours}/openapi.json`, "-o", "schema.ts", ...flags], openapiFetch);

  const instantiations = async (name: string, folder: string): Promise<{ name: string; value: number }> => {
    write(folder, { "tsconfig.json": TSCONFIG });
    const { stdout } = await runNode([TSC, "-p", ".", "--extendedDiagnostics"], folder);
    const value = Number(/^Instantiations:\s+(\d+)/m.exec(stdout)?.[1]);
    log(`${name} ${value} instantiations, ${/^Check time:\s+(\S+)/m.exec(stdout)?.[1]} to check`);
    return { name, value };
  };
  const peers = [
    await instantiations("hono/client", hono),
    await instantiations("openapi-fetch", openapiFetch),
  ];
  const own = await instantiations("ours", ours);
  return [
    {
      measure: `tsc instantiations, ${count} resources, ${CALLS} calls`,
      unit: "",
      peers,
      ours: own,
      budget: [atMost(10_000, own.value, "")],
    },
  ];
};

function ourCalls(called: readonly LargeResource[]): string {
  const lines = called.map(
    ({ name, call }, index) => `export const answer${index} = await client.${name}(${call});`,
  );
  return `import { createClient } from "./client.gen.ts";

const client = createClient({ baseUrl: "https://api.example.com" });
${lines.join("\n")}
`;
}

/** As in Hono's guide to RPC: one chain, validators of zod, and a client of the app's type. */
function honoApp(resources: readonly LargeResource[]): string {
  const schemas = resources.map(
    ({ name, input, output }) => `const ${name}Input = ${input};\nconst ${name}Output = ${output};\n`,
  );
  const routes = resources.map(
    ({ name, path }) => `
  .post("${path}", zValidator("json", ${name}Input), (c) => c.json({} as z.output<typeof ${name}Output>))`,
  );
  return `import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { z } from "zod";

${schemas.join("")}
export const app = new Hono()${routes.join("")};
`;
}

function honoCalls(called: readonly LargeResource[]): string {
  const lines = called.map(({ path, call }, index) => {
    const route = path.replace("/v1/", "");
    return `export const answer${index} = await (await client.v1["${route}"].$post({ json: ${call} })).json();`;
  });
  return `import { hc } from "hono/client";
import type { app } from "./app.ts";

const client = hc<typeof app>("https://api.example.com");
${lines.join("\n")}
`;
}

function openapiFetchCalls(called: readonly LargeResource[]): string {
  const lines = called.map(
    ({ path, call }, index) =>
      `export const answer${index} = (await client.POST("${path}", { body: ${call} })).data;`,
  );
  return `import createClient from "openapi-fetch";
import type { paths } from "./schema.ts";

const client = createClient<paths>({ baseUrl: "https://api.example.com" });
${lines.join("\n")}
`;
}
