import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Argument, Command, Option } from "commander";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { complete } from "../../codegen/cli/completion.ts";
import { completionScript, SHELLS } from "../../codegen/cli/completion-scripts.ts";
import { emitOpenapi } from "../../codegen/emit/openapi.ts";
import studio from "../../examples/studio/resources.ts";
import { modelOf } from "./definitions.ts";
import { createProject, type Project } from "./project.ts";

function sample(): Command {
  const program = new Command("shop").helpCommand(false);
  program
    .command("sell")
    .description("Sell a thing: now. And more.")
    .argument("[file]")
    .option("-o, --out <folder>", "where to write (default: here)")
    .addOption(new Option("-s, --size <size>", "how large").choices(["small", "large"]))
    .option("--tags <tags...>", "words")
    .option("--dry", "do nothing");
  program.command("secret", { hidden: true });
  program.command("buy").argument("<resource>").option("--from <source>", "whose");
  const refunds = program.command("refunds").helpCommand(false);
  refunds.command("list");
  refunds.command("pay").addArgument(new Argument("[ids...]").choices(["a1", "b2"]));
  return program;
}

const offered = async (...typed: string[]): Promise<string[]> => {
  const { words, paths } = await complete(sample(), typed, async (from) => [`ofShop`, from ?? "here"]);
  return [...words.map(({ value }) => value), ...(paths === "none" ? [] : [`<${paths}>`])];
};

describe("what may come next", () => {
  it.each<[string, string[], string[]]>([
    ["commands, but no hidden ones", [""], ["sell", "buy", "refunds"]],
    ["commands that begin so", ["s"], ["sell"]],
    ["nothing after an unknown command", ["steal", ""], []],
    ["commands of a command", ["refunds", ""], ["list", "pay"]],
    ["options", ["sell", "--"], ["--out", "--size", "--tags", "--dry", "--help"]],
    ["options that begin so", ["sell", "--si"], ["--size"]],
    ["values of an option", ["sell", "--size", ""], ["small", "large"]],
    ["values of its short form", ["sell", "-s", "l"], ["large"]],
    ["values behind an equals sign", ["sell", "--size=s"], ["--size=small"]],
    ["folders", ["sell", "--out", "a"], ["<folders>"]],
    ["folders behind an equals sign", ["sell", "--out=a"], ["<folders>"]],
    ["files", ["sell", ""], ["<files>"]],
    ["files after an option and its value", ["sell", "--size", "small", ""], ["<files>"]],
    ["files after an option without a value", ["sell", "--dry", ""], ["<files>"]],
    ["files after an option with an equals sign", ["sell", "--size=small", ""], ["<files>"]],
    ["options after an option of many values", ["sell", "--tags", "a", "b", "--d"], ["--dry"]],
    ["no options behind two dashes", ["sell", "--", "--d"], ["<files>"]],
    ["nothing more than there are arguments", ["sell", "a.ts", ""], []],
    ["values of an argument, as often as it may come", ["refunds", "pay", "a1", "b"], ["b2"]],
    ["names of resources", ["buy", "o"], ["ofShop"]],
    ["names of resources of the API that is named", ["buy", "--from", "x.json", ""], ["ofShop", "x.json"]],
  ])("is %s", async (_, typed, expected) => {
    expect(await offered(...typed)).toEqual(expected);
  });

  it("comes with the first words of what it is", async () => {
    const { words } = await complete(sample(), ["sell"], async () => []);
    expect(words).toEqual([{ value: "sell", text: "Sell a thing" }]);
    expect((await complete(sample(), ["sell", "--o"], async () => [])).words).toEqual([
      { value: "--out", text: "where to write" },
    ]);
  });
});

const missing = (shell: string): boolean => spawnSync(shell, ["-c", "exit 0"]).status !== 0;

describe("the shells complete", () => {
  let project: Project;
  beforeAll(async () => {
    const main = fileURLToPath(new URL("../../codegen/cli/main.ts", import.meta.url));
    project = createProject({
      "bin/resource402": `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`,
      "openapi.json": emitOpenapi(await modelOf(studio)),
      "sites/index.html": "",
      "a file.ts": "",
    });
    chmodSync(`${project.folder}/bin/resource402`, 0o755);
    for (const shell of SHELLS) project.write(`completion.${shell}`, completionScript(shell));
  });
  afterAll(() => project[Symbol.dispose]());

  /** Runs a script in a shell, in the project; its lines. */
  function lines(shell: string, flags: readonly string[], script: string): string[] {
    const env = { ...process.env, PATH: `${project.folder}/bin:${process.env.PATH}`, HOME: project.folder };
    const { stdout, stderr } = spawnSync(shell, [...flags, "-c", script], {
      cwd: project.folder,
      env,
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    return stdout.split("\n").filter((line) => line !== "");
  }

  const quoted = (word: string): string => `'${word}'`;

  const asked: Readonly<Record<string, (...words: string[]) => string[]>> = {
    // As readline does it, with words broken at = and :.
    bash: (...words) => {
      const pieces = words.flatMap((word) => (word === "" ? [""] : word.split(/([=:]+)/).filter(Boolean)));
      const script = `
        source completion.bash
        COMP_WORDS=(resource402 ${pieces.map(quoted).join(" ")}); COMP_CWORD=${pieces.length}
        _resource402 resource402; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return lines("bash", ["--norc"], script);
    },
    // What would be shown is printed instead: there is no terminal.
    zsh: (...words) => {
      const script = `
        compdef() { :; }
        _describe() { print -rl -- "\${(@)\${(@P)4}%%:*}"; }
        compset() { PREFIX="\${PREFIX#--*=}"; }
        _files() { if [[ "$1" == -/ ]]; then print -rl -- $PREFIX*(N/); else print -rl -- $PREFIX*(N); fi; }
        source ./completion.zsh
        words=(resource402 ${words.map(quoted).join(" ")}); CURRENT=${words.length + 1}; PREFIX=${quoted(words.at(-1) ?? "")}
        _resource402`;
      return lines("zsh", ["-f"], script);
    },
    fish: (...words) => {
      const script = `source completion.fish; complete --do-complete ${quoted(["resource402", ...words].join(" "))}`;
      return lines("fish", ["--no-config"], script).map((line) => line.split("\t")[0] ?? "");
    },
  };

  for (const shell of SHELLS) {
    // Bash is everywhere that this is tested; the others are tested where they are installed.
    describe.skipIf(shell !== "bash" && missing(shell))(`in ${shell}`, () => {
      const ask = (...words: string[]): string[] => asked[shell]?.(...words) ?? [];

      it("commands", () => {
        expect(ask("di")).toEqual(["diff"]);
        expect(ask("")).toEqual(expect.arrayContaining(["generate", "diff", "refunds", "completion"]));
        expect(ask("")).not.toContain("__complete");
        expect(ask("refunds", "")).toEqual(expect.arrayContaining(["list", "pay"]));
      });

      it("options and their values", () => {
        expect(ask("generate", "--wa")).toEqual(["--watch"]);
        expect(ask("generate", "--ext", "").sort()).toEqual(["js", "ts"]);
        const [value] = ask("generate", "--ext=t");
        // Bash replaces what stands behind the equals sign.
        expect(value).toBe(shell === "bash" ? "ts" : "--ext=ts");
        expect(ask("completion", "f")).toEqual(["fish"]);
      });

      it("files and folders", () => {
        expect(ask("diff", "open").map((word) => word.trim())).toEqual(["openapi.json"]);
        expect(ask("generate", "--out", "s").map((word) => word.replace(/\/$/, ""))).toEqual(["sites"]);
        expect(
          ask("generate", "--out=s").map((word) => word.replace(/\/$/, "").replace("--out=", "")),
        ).toEqual(["sites"]);
      });

      it("names of resources", () => {
        expect(ask("call", "g")).toEqual(["generateImage"]);
        expect(ask("call", "--from", "openapi.json", "")).toEqual(["caption", "generateImage", "palette"]);
        expect(ask("call", "--from", "https://api.example.com", "")).toEqual([]);
      });
    });
  }

  it("with a script that the command prints", async () => {
    expect(await project.run("completion", "bash")).toEqual({
      code: 0,
      out: completionScript("bash"),
      err: "",
    });
    expect(await project.run("completion", "tcsh")).toMatchObject({
      code: 2,
      err: "error: command-argument value 'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.\n",
    });
  });
});
