import { isJsonObject, type JsonRecord, recordsOf } from "./json.ts";

/** Security schemes that the client satisfies: payment, and sign-in with the account that pays. */
const OWN_NAME = /^(x-?402|siwx|sign-?in-?with-?x)-?(auth|payment)?$/i;
const OWN_HEADER = /^(payment-signature|x-payment|sign-in-with-x)$/i;

/** What an operation asks for beside the payment. */
export interface Credentials {
  /** Request headers, with what they hold. */
  readonly headers: readonly { readonly name: string; readonly description: string }[];
  /** Members of the query. */
  readonly query: readonly string[];
}

const NONE: Credentials = { headers: [], query: [] };

/**
 * The credentials without which an operation answers 401 whatever is paid. Of several alternatives it is the one that
 * needs the least. A text says why the client cannot give them. The list of an operation takes the place of the document's.
 */
export function credentialsOf(document: JsonRecord, operation: JsonRecord): Credentials | string {
  const alternatives = recordsOf(operation.security ?? document.security);
  if (alternatives.length === 0) return NONE;
  const components = isJsonObject(document.components) ? document.components : {};
  const schemes = isJsonObject(components.securitySchemes) ? components.securitySchemes : {};
  const found = alternatives.map((alternative) => needed(Object.keys(alternative), schemes));
  const possible = found.filter((one) => typeof one !== "string");
  const [least] = possible.sort((a, b) => countOf(a) - countOf(b));
  if (least !== undefined) return least;
  const texts = found.filter((one) => typeof one === "string");
  return `it asks for ${[...new Set(texts)].join(" or ")}, which this client cannot give`;
}

function countOf({ headers, query }: Credentials): number {
  return headers.length + query.length;
}

/** What one alternative needs; the names of schemes that the client cannot satisfy as a text. */
function needed(names: readonly string[], schemes: JsonRecord): Credentials | string {
  const all = names
    .filter((name) => !isOwn(name, schemes))
    .map((name) => headerOf(name, Object.hasOwn(schemes, name) ? schemes[name] : undefined));
  const lacking = all.filter((one) => typeof one === "string");
  if (lacking.length > 0) return lacking.join(" and ");
  const given = all.filter((one) => typeof one === "object");
  return { headers: given.flatMap(({ headers }) => headers), query: given.flatMap(({ query }) => query) };
}

/** Where a scheme puts its secret. */
function headerOf(name: string, scheme: unknown): Credentials | string {
  if (!isJsonObject(scheme)) return `"${name}"`;
  const about = typeof scheme.description === "string" ? scheme.description : undefined;
  if (scheme.type === "apiKey" && typeof scheme.name === "string") {
    if (scheme.in === "header")
      return { headers: [{ name: scheme.name, description: about ?? "An API key." }], query: [] };
    if (scheme.in === "query") return { headers: [], query: [scheme.name] };
    if (scheme.in === "cookie") {
      const description = about ?? `\`${scheme.name}=\` and the value of the cookie.`;
      return { headers: [{ name: "Cookie", description }], query: [] };
    }
  }
  const isBasic = typeof scheme.scheme === "string" && /^basic$/i.test(scheme.scheme);
  const words: Readonly<Record<string, string>> = {
    http: isBasic ? "`Basic ` and the credentials." : "`Bearer ` and the token.",
    oauth2: "`Bearer ` and the access token.",
    openIdConnect: "`Bearer ` and the access token.",
  };
  const description =
    typeof scheme.type === "string" && Object.hasOwn(words, scheme.type) ? words[scheme.type] : undefined;
  if (description === undefined) return `"${name}"`;
  return { headers: [{ name: "Authorization", description: about ?? description }], query: [] };
}

function isOwn(name: string, schemes: JsonRecord): boolean {
  if (OWN_NAME.test(name)) return true;
  const scheme = Object.hasOwn(schemes, name) ? schemes[name] : undefined;
  if (!isJsonObject(scheme)) return false;
  if (scheme["x-agentcash-auth-kind"] === "siwx") return true;
  if (scheme.type === "http") return typeof scheme.scheme === "string" && OWN_NAME.test(scheme.scheme);
  return scheme.type === "apiKey" && typeof scheme.name === "string" && OWN_HEADER.test(scheme.name);
}
