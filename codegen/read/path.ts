/** A path of a document, in pieces. */
export type PathPiece = { readonly text: string } | { readonly parameter: string };

/** The pieces of a path; a text that says why it cannot be called. */
export function piecesOf(path: string): readonly PathPiece[] | string {
  if (/[?#]/.test(path)) return "its path holds a query or a fragment";
  const pieces: PathPiece[] = [];
  for (const segment of path.replace(/^\/?/, "").split("/")) {
    pieces.push({ text: "/" });
    // Routes of Express in a document: `/:id`, be it declared or not. A custom verb stands behind something: `/x:run`.
    const own = /^:([A-Za-z_]\w*)$/.exec(segment)?.[1];
    if (own !== undefined) {
      pieces.push({ parameter: own });
      continue;
    }
    for (const part of segment.split(/(\{[^{}]*\})/)) {
      if (part === "") continue;
      const name = /^\{([^{}]*)\}$/.exec(part)?.[1];
      if (name === undefined && /[{}]/.test(part)) return "its path has a brace without its pair";
      if (name === undefined) pieces.push({ text: literal(part, isSlash(pieces.at(-1))) });
      else if (/^[^+*/=]+$/.test(name)) pieces.push({ parameter: name });
      else return `its path parameter "${name}" may hold more than a segment`;
    }
  }
  const names = parametersIn(pieces);
  return new Set(names).size < names.length ? "its path names a parameter twice" : pieces;
}

/** The names of the parameters. */
export function parametersIn(pieces: readonly PathPiece[]): string[] {
  return pieces.flatMap((piece) => ("parameter" in piece ? [piece.parameter] : []));
}

/** The path as a call definition has it; `members` are the members of the input that fill the parameters. */
export function templateOf(pieces: readonly PathPiece[], members: ReadonlyMap<string, string>): string {
  return pieces
    .map((piece, index) => {
      if ("text" in piece) return piece.text;
      const name = members.get(piece.parameter) ?? piece.parameter;
      const isWhole = isSlash(pieces[index - 1]) && isSlash(pieces[index + 1] ?? { text: "/" });
      return isWhole && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `:${name}` : `{${name}}`;
    })
    .join("");
}

function isSlash(piece: PathPiece | undefined): boolean {
  return piece !== undefined && "text" in piece && piece.text === "/";
}

/** Text of a path with every character that RFC 3986 allows there. A colon that begins a segment would be a parameter. */
function literal(text: string, isStart: boolean): string {
  const encoded = text.replace(/[^A-Za-z0-9._~!$&'()*+,;=:@%-]/gu, (character) =>
    encodeURIComponent(character),
  );
  const whole = encoded.replace(/%(?![0-9a-f]{2})/gi, "%25");
  return isStart ? whole.replace(/^:/, "%3A") : whole;
}
