import { Argument, type Command } from "commander";
import type { Context } from "../command.ts";
import { ANSWERING, completionScript, SHELLS, type Shell } from "../completion-scripts.ts";

const INSTALLING = `
To complete words with the Tab key:
  bash  echo 'eval "$(resource402 completion bash)"' >> ~/.bashrc
  zsh   echo 'eval "$(resource402 completion zsh)"' >> ~/.zshrc        (below the line with compinit)
  fish  resource402 completion fish > ~/.config/fish/completions/resource402.fish

It completes commands, options, their values, files, and for call the names of resources. The shell has to find
resource402: npm install --global resource402.

Exit codes: 0 all is well, 2 the command is wrong.`;

export function addCompletion(program: Command, context: Context): void {
  program
    .command("completion")
    .summary("let a shell complete words with the Tab key")
    .description("Print a script that lets a shell complete words with the Tab key.")
    .addArgument(new Argument("<shell>", "the shell that is to complete").choices(SHELLS))
    .addHelpText("after", INSTALLING)
    .action((shell: Shell) => {
      process.stdout.write(completionScript(shell));
    });
  // What the scripts ask.
  program
    .command(ANSWERING, { hidden: true })
    .argument("[words...]")
    .action(async (words: readonly string[]) => {
      const [{ complete }, { resourceNames }] = await Promise.all([
        import("../completion.ts"),
        import("../resource-names.ts"),
      ]);
      const completion = await complete(program, words, resourceNames);
      const lines = completion.words.map(({ value, text }) => `${value}\t${text}`);
      console.log([completion.paths, ...lines].join("\n"));
      context.exit(0);
    });
}
