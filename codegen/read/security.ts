import { isRecord, type JsonRecord, recordsOf } from "./json.ts";

/** Security schemes that the client satisfies: payment, and sign-in with the account that pays. */
const OWN_NAME = /^(x-?402|siwx|sign-?in-?with-?x)-?(auth|payment)?$/i;
const OWN_HEADER = /^(payment-signature|x-payment|sign-in-with-x)$/i;

/**
 * The credentials without which an operation answers 401 whatever is paid: `"apiKey"`, `"key" and "account" or "login"`.
 * `undefined` when one of its alternatives asks for none. The list of an operation takes the place of the document's.
 */
export function credentialsOf(document: JsonRecord, operation: JsonRecord): string | undefined {
  const alternatives = recordsOf(operation.security ?? document.security);
  const components = isRecord(document.components) ? document.components : {};
  const schemes = isRecord(components.securitySchemes) ? components.securitySchemes : {};
  const lacking = alternatives.map((alternative) =>
    Object.keys(alternative).filter((name) => !isOwn(name, schemes)),
  );
  if (lacking.length === 0 || lacking.some((names) => names.length === 0)) return undefined;
  const texts = lacking.map((names) => names.map((name) => `"${name}"`).join(" and "));
  return [...new Set(texts)].join(" or ");
}

function isOwn(name: string, schemes: JsonRecord): boolean {
  if (OWN_NAME.test(name)) return true;
  const scheme = Object.hasOwn(schemes, name) ? schemes[name] : undefined;
  if (!isRecord(scheme)) return false;
  if (scheme["x-agentcash-auth-kind"] === "siwx") return true;
  if (scheme.type === "http") return typeof scheme.scheme === "string" && OWN_NAME.test(scheme.scheme);
  return scheme.type === "apiKey" && typeof scheme.name === "string" && OWN_HEADER.test(scheme.name);
}
