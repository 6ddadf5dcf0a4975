import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const at = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Bundles the page, and serves it on a free port of this machine. Buyers' browsers call the API at `apiUrl`. */
export async function openSite(apiUrl: string): Promise<{ readonly url: string; close(): void }> {
  const { outputFiles } = await build({
    entryPoints: [at("./app.tsx")],
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"', API_URL: JSON.stringify(apiUrl) },
  });
  const script = outputFiles[0]?.text ?? "";
  const html = await readFile(at("./index.html"), "utf8");
  const server = createServer(({ url }, response) => {
    const [type, body] = url === "/app.js" ? ["text/javascript", script] : ["text/html", html];
    response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
