import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import tsup from "../../tsup.config.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A name that users can import, with the first sentence of its JSDoc. */
export interface PublicName {
  readonly name: string;
  readonly kind: "function" | "constant" | "class" | "interface" | "type";
  /** Empty when the declaration has no JSDoc. */
  readonly sentence: string;
  /** The file of the declaration, from the root. */
  readonly file: string;
}

/** What the sources export by each entry, such as `resource402/client`. Reads only syntax: nothing is compiled. */
export function publicNames(): Map<string, PublicName[]> {
  const config = [tsup].flat().find((one) => typeof one === "object" && typeof one.dts === "object");
  const entries = Object.entries(entriesOf(config));
  return new Map(
    entries.map(([entry, path]) => [
      entry === "index" ? "resource402" : `resource402/${entry}`,
      [...exportsOf(join(root, path))]
        .map(([name, found]) => ({ ...found, name }))
        .sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1)),
    ]),
  );
}

/** Types come last. */
const rank = ({ kind }: PublicName): number => Number(kind === "interface" || kind === "type");

/** The names that the API report of an entry exports. */
export function reportedNames(entry: string): string[] {
  const name = entry === "resource402" ? "index" : entry.replace("resource402/", "");
  const source = parsed(join(root, `test/api/${name}.api.txt`));
  return source.statements.flatMap(exportedBy).sort();
}

function entriesOf(config: unknown): Record<string, string> {
  return (config as { dts: { entry: Record<string, string> } }).dts.entry;
}

type Found = Omit<PublicName, "name">;
const sources = new Map<string, ts.SourceFile>();

function parsed(file: string): ts.SourceFile {
  const known = sources.get(file);
  if (known) return known;
  const made = ts.createSourceFile(`${file}.ts`, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  sources.set(file, made);
  return made;
}

/** The names by which a statement of a declaration file exports. */
function exportedBy(statement: ts.Statement): string[] {
  if (
    ts.isExportDeclaration(statement) &&
    statement.exportClause &&
    ts.isNamedExports(statement.exportClause)
  )
    return statement.exportClause.elements.map(({ name }) => name.text);
  return isExported(statement) ? declaredBy(statement).map(([name]) => name) : [];
}

function exportsOf(file: string): Map<string, Found> {
  const found = new Map<string, Found>();
  for (const statement of parsed(file).statements) {
    if (isExported(statement)) {
      for (const [name, kind] of declaredBy(statement)) found.set(name, described(statement, kind, file));
    }
    if (!ts.isExportDeclaration(statement) || !statement.exportClause) continue;
    if (!ts.isNamedExports(statement.exportClause)) continue;
    for (const { name, propertyName } of statement.exportClause.elements) {
      const from = statement.moduleSpecifier ? target(file, statement.moduleSpecifier) : file;
      const one = declarationOf(from, (propertyName ?? name).text);
      if (one) found.set(name.text, one);
    }
  }
  return found;
}

function declarationOf(file: string, name: string): Found | undefined {
  for (const statement of parsed(file).statements) {
    const kind = declaredBy(statement).find(([declared]) => declared === name)?.[1];
    if (kind) return described(statement, kind, file);
    const imported = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : undefined;
    if (imported && ts.isNamedImports(imported) && ts.isImportDeclaration(statement)) {
      const one = imported.elements.find((element) => element.name.text === name);
      if (one)
        return declarationOf(target(file, statement.moduleSpecifier), (one.propertyName ?? one.name).text);
    }
    if (!ts.isExportDeclaration(statement) || !statement.moduleSpecifier) continue;
    const from = target(file, statement.moduleSpecifier);
    if (!statement.exportClause) {
      const found = declarationOf(from, name);
      if (found) return found;
    } else if (ts.isNamedExports(statement.exportClause)) {
      const one = statement.exportClause.elements.find((element) => element.name.text === name);
      if (one) return declarationOf(from, (one.propertyName ?? one.name).text);
    }
  }
  return undefined;
}

function target(file: string, specifier: ts.Expression): string {
  return join(dirname(file), (specifier as ts.StringLiteral).text);
}

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

function declaredBy(statement: ts.Statement): [string, PublicName["kind"]][] {
  if (ts.isFunctionDeclaration(statement)) return [[statement.name?.text ?? "", "function"]];
  if (ts.isClassDeclaration(statement)) return [[statement.name?.text ?? "", "class"]];
  if (ts.isInterfaceDeclaration(statement)) return [[statement.name.text, "interface"]];
  if (ts.isTypeAliasDeclaration(statement)) return [[statement.name.text, "type"]];
  if (!ts.isVariableStatement(statement)) return [];
  return statement.declarationList.declarations.map(({ name }) => [name.getText(), "constant"]);
}

function described(statement: ts.Statement, kind: PublicName["kind"], file: string): Found {
  const comment = ts.getJSDocCommentsAndTags(statement).filter(ts.isJSDoc).at(-1)?.comment;
  const text = (ts.getTextOfJSDocComment(comment) ?? "").replace(/\s+/g, " ").trim();
  // A sentence ends at a period before a capital letter, so that "e.g. this" does not end one.
  const sentence = /^.*?\.(?= [A-Z`{]| - |$)/.exec(text)?.[0] ?? text.replace(/ - .*/, "");
  return { kind, sentence, file: relative(root, file) };
}
