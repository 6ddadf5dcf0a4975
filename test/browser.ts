import { execFile } from "node:child_process";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createBrotliDecompress } from "node:zlib";
import { type Browser, chromium } from "playwright-core";

const run = promisify(execFile);
const CACHE = fileURLToPath(new URL("../node_modules/.cache/resource402/", import.meta.url));
const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
  ...["--disable-background-networking", "--disable-component-update"],
];

/** The package's own file names folders of AWS Lambda. */
const FONTS = `<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fonts</cachedir>
</fontconfig>
`;

/**
 * Starts the Chromium of the npm package `@sparticuz/chromium`, with an empty profile.
 * A browser that is installed on the system is never used: every Linux x64 machine runs the same one.
 */
export async function openBrowser(): Promise<Browser> {
  const folder = await unpacked();
  return chromium.launch({
    executablePath: join(folder, "chromium"),
    args: FLAGS,
    // The package brings NSS and one font family, for systems that have none.
    env: {
      ...process.env,
      LD_LIBRARY_PATH: join(folder, "lib"),
      FONTCONFIG_FILE: join(folder, "fonts.conf"),
      XDG_CACHE_HOME: join(folder, "cache"),
    },
  });
}

/** Unpacks the browser once per version (3 s, 220 MB) and returns its folder. */
async function unpacked(): Promise<string> {
  const bin = join(dirname(createRequire(import.meta.url).resolve("@sparticuz/chromium")), "../bin");
  const { version } = JSON.parse(await readFile(join(bin, "../package.json"), "utf8"));
  const kept = join(CACHE, `chromium-${version}`);
  if (existsSync(kept)) return kept;
  await mkdir(CACHE, { recursive: true });
  const fresh = await mkdtemp(`${kept}-`);
  await Promise.all([
    decompress(join(bin, "chromium.br"), join(fresh, "chromium")),
    ...["fonts", "al2023", "swiftshader"].map(async (name) => {
      const archive = join(fresh, `${name}.tar`);
      await decompress(join(bin, `${name}.tar.br`), archive);
      await run("tar", ["-xf", archive, "-C", fresh]);
      await rm(archive);
    }),
  ]);
  await writeFile(join(fresh, "fonts.conf"), FONTS);
  // Another worker may have been faster: its folder has the same content.
  await rename(fresh, kept).catch(() => rm(fresh, { recursive: true }));
  return kept;
}

function decompress(from: string, to: string): Promise<void> {
  return pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to, { mode: 0o755 }));
}
