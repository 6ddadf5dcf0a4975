// Loaded with `node --import`: resolves `resource402/…` to the sources, as the tests do, so that no build is needed.
import { registerHooks } from "node:module";
import config from "../../tsconfig.json" with { type: "json" };

const paths: Readonly<Record<string, readonly string[]>> = config.compilerOptions.paths;

registerHooks({
  resolve(specifier, context, nextResolve) {
    const [file] = paths[specifier] ?? [];
    return nextResolve(
      file === undefined ? specifier : new URL(`../../${file}`, import.meta.url).href,
      context,
    );
  },
});
