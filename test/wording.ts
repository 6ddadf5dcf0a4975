import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Source files without messages to a person: code for other programs, files of sellers, and the test world. */
const SILENT =
  /\.gen\.ts$|\.d\.ts$|tsup\.config\.ts$|^codegen\/(dist|node_modules|init|docs)\/|^src\/testing\/|-migrations\.ts$/;

export function sourcesOf(folders: readonly string[]): string[] {
  return folders
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

/** Stands for what the running code fills in. */
const HOLE = "{}";

/** The text of a string, a template, or a sum of them; `undefined` of anything else. */
function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isParenthesizedExpression(node)) return textOf(node.expression);
  if (ts.isTemplateExpression(node)) {
    return node.head.text + node.templateSpans.map(({ literal }) => HOLE + literal.text).join("");
  }
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const [left, right] = [textOf(node.left), textOf(node.right)];
    if (left === undefined && right === undefined) return undefined;
    return (left ?? HOLE) + (right ?? HOLE);
  }
  return undefined;
}

/** The texts of a file, each once: a part of a sum is not a text of its own, what fills a hole is. */
function textsIn(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.Latest);
  const found: string[] = [];
  const walk = (node: ts.Node, isPart: boolean): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node) || ts.isTypeNode(node)) return;
    const text = textOf(node);
    if (text !== undefined && !isPart) found.push(text);
    const isSum = text !== undefined && (ts.isBinaryExpression(node) || ts.isParenthesizedExpression(node));
    ts.forEachChild(node, (child) => walk(child, isSum));
  };
  walk(source, false);
  return found;
}

/** Whether a person reads it: three words in a row, and no query or markup. */
function isProse(text: string): boolean {
  if (/^\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|WITH|BEGIN|LOCK|EXISTS|NOTIFY|LISTEN|\()/.test(text))
    return false;
  if (/<\/?[a-z][^>]*>|=>|[;{]\n/.test(text)) return false;
  return /(?<![\w-])[A-Za-z][a-z']+,? [a-z']+,? [a-z']+/.test(text);
}

/** Every sentence that the code can say, by folder. */
export function wording(): string {
  const byFolder = new Map<string, Set<string>>();
  for (const file of sourcesOf(["schema", "src", "codegen"])) {
    if (SILENT.test(file)) continue;
    const texts = byFolder.get(dirname(file)) ?? new Set();
    byFolder.set(dirname(file), texts);
    for (const text of textsIn(file)) if (isProse(text)) texts.add(text.replace(/\s*\n\s*/g, "\\n").trim());
  }
  return [...byFolder]
    .filter(([, texts]) => texts.size > 0)
    .map(([folder, texts]) => `## ${folder}\n\n${[...texts].sort().join("\n")}\n`)
    .join("\n");
}

/** So many words in a row are a sentence that is asserted, and not a name or a value. */
const RUN = 5;

const wordsOf = (text: string): readonly string[] =>
  text
    .replace(/\\[a-z][.+*]?|[^A-Za-z0-9'\- ]/g, " ")
    .split(/\s+/)
    .filter(Boolean);

function runsOf(text: string): readonly string[] {
  const words = wordsOf(text);
  return words
    .map((_, at) => words.slice(at, at + RUN).join(" "))
    .slice(0, Math.max(0, words.length - RUN + 1));
}

/** How many strings of each test file repeat a part of a sentence of the code. Names of tests are not counted. */
export function repeatedIn(files: readonly string[], sentences: string): Record<string, number> {
  const known = new Set(sentences.split("\n").flatMap((line) => line.split(HOLE).flatMap(runsOf)));
  const counts: Record<string, number> = {};
  for (const file of files) {
    const source = ts.createSourceFile(
      file,
      readFileSync(join(root, file), "utf8"),
      ts.ScriptTarget.Latest,
      true,
    );
    const walk = (node: ts.Node): void => {
      const isText =
        ts.isLiteralExpression(node) || ts.isTemplateMiddleOrTemplateTail(node) || ts.isTemplateHead(node);
      if (isText && !isTestName(node) && runsOf(node.text).some((run) => known.has(run))) {
        counts[file] = (counts[file] ?? 0) + 1;
      }
      ts.forEachChild(node, walk);
    };
    walk(source);
  }
  return counts;
}

function isTestName({ parent }: ts.Node): boolean {
  return ts.isCallExpression(parent) && /^(it|test|describe|suite)\b/.test(parent.expression.getText());
}
