/** Each script asks the installed program, so that it need not be made anew when that changes. */

/** The hidden command that answers: what paths to offer in the first line, then a word and its text in each. */
export const ANSWERING = "__complete";

export const SHELLS = ["bash", "zsh", "fish"] as const;

export type Shell = (typeof SHELLS)[number];

/** The completion script of a shell. */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}

// Bash breaks words at = and :, so they are put together again before and taken apart after. Runs on bash 3.2,
// which macOS has.
const BASH = `# bash completion for resource402
_resource402() {
  local words=() piece glue="" index last line paths="" typed cur="" before
  for ((index = 1; index <= COMP_CWORD; index++)); do
    piece="\${COMP_WORDS[index]}"
    last=$((\${#words[@]} - 1))
    if [[ $last -ge 0 && ( $glue || $piece =~ ^[=:]+$ ) ]]; then
      words[last]="\${words[last]}$piece"
    else
      words+=("$piece")
    fi
    if [[ $piece =~ ^[=:]+$ ]]; then glue=1; else glue=""; fi
  done
  if [[ \${#words[@]} -gt 0 ]]; then cur="\${words[\${#words[@]} - 1]}"; fi
  typed="\${COMP_WORDS[COMP_CWORD]}"
  if [[ $typed =~ ^[=:]+$ ]]; then typed=""; fi
  before="\${cur%"$typed"}"
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ -z $paths ]]; then
      paths="$line"
    else
      line="\${line%%$'\\t'*}"
      COMPREPLY+=("\${line#"$before"}")
    fi
  done < <("$1" ${ANSWERING} -- "\${words[@]}" 2>/dev/null)
  case "$paths" in
    files) index=-f ;;
    folders) index=-d ;;
    *) return ;;
  esac
  while IFS= read -r line; do
    COMPREPLY+=("$line")
  done < <(compgen "$index" -- "$typed")
  compopt -o filenames 2>/dev/null
}
complete -F _resource402 resource402
`;

const ZSH = `#compdef resource402
# zsh completion for resource402
_resource402() {
  local -a lines candidates
  local line value
  lines=("\${(@f)$("\${(Q)words[1]}" ${ANSWERING} -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  for line in "\${(@)lines[2,-1]}"; do
    value="\${line%%$'\\t'*}"
    candidates+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( \${#candidates} )); then _describe -t words word candidates; fi
  case "\${lines[1]}" in
    files) compset -P '--*='; _files ;;
    folders) compset -P '--*='; _files -/ ;;
  esac
}
if [[ "\${funcstack[1]}" == _resource402 ]]; then
  _resource402 "$@"
else
  compdef _resource402 resource402
fi
`;

const FISH = `# fish completion for resource402
function __resource402_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l lines ($words[1] ${ANSWERING} -- $words[2..-1] "$current" 2>/dev/null)
  for line in $lines[2..-1]
    echo $line
  end
  switch "$lines[1]"
    case files
      __fish_complete_path "$current"
    case folders
      __fish_complete_directories "$current" ""
  end
end
complete --command resource402 --no-files --arguments "(__resource402_complete)"
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
