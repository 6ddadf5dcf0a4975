import { compareText, type HeaderModel } from "../model.ts";
import type { HeaderParameter } from "./parameters.ts";
import type { Credentials } from "./security.ts";

/** The request headers of one operation. */
export interface HeaderUse {
  readonly name: string;
  readonly headers: readonly HeaderParameter[];
}

/** The headers of an operation whose value the document states, and those that the buyer has to give. */
export function headersOf({ headers }: HeaderUse): {
  readonly fixed: Readonly<Record<string, string>>;
  readonly needs: readonly string[];
} {
  const fixed = headers.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const]));
  const needs = headers
    .filter(({ required, value }) => required && value === undefined)
    .map(({ name }) => name);
  return { fixed: Object.fromEntries(fixed), needs: [...new Set(needs)] };
}

/** The headers of credentials, which an operation needs. */
export function credentialHeaders({ headers }: Credentials): HeaderParameter[] {
  return headers.map(({ name, description }) => ({ name, description, required: true }));
}

/** The headers that a buyer gives to the client, sorted by name. One that only some operations need is optional. */
export function headerModels(uses: readonly HeaderUse[]): HeaderModel[] {
  const found = new Map<
    string,
    { name: string; description: string | undefined; needed: Set<string>; by: string[] }
  >();
  for (const { name: operation, headers } of uses) {
    for (const { name, description, required, value } of headers) {
      if (value !== undefined) continue;
      const key = name.toLowerCase();
      const known = found.get(key) ?? { name, description, needed: new Set(), by: [] };
      found.set(key, known);
      known.by.push(operation);
      if (required) known.needed.add(operation);
    }
  }
  return [...found.values()]
    .map(({ name, description, needed }): HeaderModel => {
      const isAll = needed.size === uses.length;
      const some = isAll || needed.size === 0 ? "" : `Needed by ${listOfSome([...needed])}.`;
      const about = [description ?? "", some].filter((text) => text !== "").join(" ");
      return { name, required: isAll, ...(about === "" ? {} : { description: about }) };
    })
    .sort((a, b) => compareText(a.name, b.name));
}

function listOfSome(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => `\`${name}\``);
  return names.length > 5 ? `${shown.join(", ")} and ${names.length - 5} more` : shown.join(", ");
}
