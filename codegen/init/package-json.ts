/** The parts of a `package.json` that a new project needs. */
export interface PackageNeeds {
  /** A valid npm name: lower case, without spaces. */
  readonly name: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

type Json = Readonly<Record<string, unknown>>;

/** A `package.json` with everything that the project needs. Keeps an existing one unchanged, except for `type`. */
export function packageText(needs: PackageNeeds, before: string | undefined): string {
  const there = before === undefined ? {} : (JSON.parse(before) as Json);
  const known = { ...record(there.dependencies), ...record(there.devDependencies) };
  const merged = {
    ...(before === undefined ? { name: needs.name, version: "0.1.0", private: true } : {}),
    ...there,
    type: "module",
    scripts: { ...needs.scripts, ...record(there.scripts) },
    dependencies: { ...missing(needs.dependencies, known), ...record(there.dependencies) },
    devDependencies: { ...missing(needs.devDependencies, known), ...record(there.devDependencies) },
  };
  const indent = /^\{\r?\n([ \t]+)/.exec(before ?? "")?.[1] ?? "  ";
  return `${JSON.stringify(merged, undefined, indent)}\n`;
}

/** An npm package name for a title. */
export function packageName(title: string): string {
  const name = title
    .toLowerCase()
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return name === "" ? "paid-api" : name;
}

function missing(wanted: Readonly<Record<string, string>>, known: Json): Json {
  return Object.fromEntries(Object.entries(wanted).filter(([name]) => !(name in known)));
}

function record(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}
