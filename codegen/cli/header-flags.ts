import type { ApiModel } from "../model.ts";
import { CommandError } from "./command.ts";

/** How a command is given request headers that the API asks for beside the payment. */
export const HEADER_OPTION = [
  "-H, --header <name: value>",
  "a request header that the API asks for, such as a key; can be repeated",
] as const;

export function collected(one: string, before: readonly string[] = []): readonly string[] {
  return [...before, one];
}

/** Reads `Name: value` flags. @throws CommandError */
export function headersFromFlags(flags: readonly string[] = []): Readonly<Record<string, string>> {
  return Object.fromEntries(
    flags.map((flag) => {
      const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+)\s*:\s*(.*\S)\s*$/.exec(flag) ?? [];
      if (name !== undefined && value !== undefined && /^[\x20-\x7e]+$/.test(value)) return [name, value];
      throw new CommandError(
        `--header "${flag}" is not a valid header. Write: --header 'X-API-Key: secret'`,
        2,
      );
    }),
  );
}

/** The headers that every operation asks for and the user has not given, as a sentence with its fix. */
export function missingHeaders(
  { headers = [] }: ApiModel,
  given: Readonly<Record<string, string>>,
): string | undefined {
  const names = Object.keys(given).map((name) => name.toLowerCase());
  const [first] = headers.filter(({ name, required }) => required && !names.includes(name.toLowerCase()));
  if (first === undefined) return undefined;
  return `The API asks for the request header ${first.name}. Add --header '${first.name}: …'`;
}
