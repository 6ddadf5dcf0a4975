import type { Argument, Command, Option } from "commander";

/** What may stand where a word is being typed. */
export interface Completion {
  readonly words: readonly { readonly value: string; readonly text: string }[];
  /** Whether the shell should offer paths too. */
  readonly paths: "none" | "files" | "folders";
}

/** Placeholders that stand for a path, as our commands name them. */
const FILES = /file|source|before|store/;
const FOLDERS = /folder/;

/**
 * What may come next, read from the commands themselves. `typed` are the words after the program's name, the last
 * of them the one that is being typed, which may be empty. `resources` names those of an API, for commands that ask
 * for one; `from` is the API that the command names.
 */
export async function complete(
  program: Command,
  typed: readonly string[],
  resources: (from: string | undefined) => Promise<readonly string[]>,
): Promise<Completion> {
  const current = typed.at(-1) ?? "";
  const { command, operands, isOperand, open, values } = follow(program, typed.slice(0, -1));
  const isMore = !(open?.variadic && current.startsWith("-"));
  if (open !== undefined && isMore) return matching(open.argChoices ?? [], pathsOf(open.flags), current);
  const [, flag, value = ""] = (isOperand ? null : /^(--[^=]+)=(.*)$/s.exec(current)) ?? [];
  if (flag !== undefined) {
    const option = optionOf(command, flag);
    return matching(option?.argChoices ?? [], pathsOf(option?.flags ?? ""), value, `${flag}=`);
  }
  if (!isOperand && current.startsWith("-")) {
    const options = command.createHelp().visibleOptions(command);
    const words = options.flatMap(({ long, description }) =>
      long === undefined || !long.startsWith(current) ? [] : [{ value: long, text: briefly(description) }],
    );
    return { words, paths: "none" };
  }
  if (operands === 0 && command.commands.length > 0) {
    const words = command
      .createHelp()
      .visibleCommands(command)
      .filter((one) => one.name().startsWith(current))
      .map((one) => ({ value: one.name(), text: briefly(one.summary() || one.description()) }));
    return { words, paths: "none" };
  }
  const argument = argumentAt(command, operands);
  if (argument === undefined) return { words: [], paths: "none" };
  if (argument.name() === "resource") return matching(await resources(values.get("--from")), "none", current);
  return matching(argument.argChoices ?? [], pathsOf(argument.name()), current);
}

/** Where the words that are complete lead: a command, how many operands it has, an option without its value. */
interface Standing {
  readonly command: Command;
  readonly operands: number;
  /** Whether `--` has been passed. */
  readonly isOperand: boolean;
  readonly open: Option | undefined;
  /** The values of options, by their long names. */
  readonly values: ReadonlyMap<string, string>;
}

function follow(program: Command, words: readonly string[]): Standing {
  const values = new Map<string, string>();
  let [command, operands, isOperand]: [Command, number, boolean] = [program, 0, false];
  let open: Option | undefined;
  for (const word of words) {
    if (open !== undefined && !(open.variadic && word.startsWith("-"))) {
      values.set(open.long ?? "", word);
      if (!open.variadic) open = undefined;
      continue;
    }
    open = undefined;
    if (isOperand || !word.startsWith("-") || word === "-") {
      const next = operands === 0 ? command.commands.find((one) => one.name() === word) : undefined;
      if (next === undefined) operands += 1;
      else command = next;
    } else if (word === "--") isOperand = true;
    else {
      const [name = "", ...value] = word.split("=");
      const option = optionOf(command, name);
      if (value.length > 0) values.set(option?.long ?? name, value.join("="));
      else if (option?.required) open = option;
    }
  }
  return { command, operands, isOperand, open, values };
}

function optionOf(command: Command, name: string): Option | undefined {
  return command.options.find(({ long, short }) => long === name || short === name);
}

function argumentAt(command: Command, at: number): Argument | undefined {
  const { registeredArguments } = command;
  const last = registeredArguments.at(-1);
  return registeredArguments[at] ?? (last?.variadic ? last : undefined);
}

function pathsOf(placeholder: string): Completion["paths"] {
  const name = /[<[](.*?)[\]>]/.exec(placeholder)?.[1] ?? placeholder;
  return FOLDERS.test(name) ? "folders" : FILES.test(name) ? "files" : "none";
}

function matching(
  values: readonly string[],
  paths: Completion["paths"],
  current: string,
  before = "",
): Completion {
  const words = values.filter((value) => value.startsWith(current));
  return { words: words.map((value) => ({ value: before + value, text: "" })), paths };
}

/** A description as far as its first stop, without what stands in brackets: there is one line for it. */
function briefly(text: string): string {
  const plain = text.replace(/ \([^)]*\)/g, "");
  return /^(.*?)[.:;](?=\s|$)/s.exec(plain)?.[1] ?? plain;
}
