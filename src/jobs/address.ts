import ipaddr from "ipaddr.js";

/**
 * Which addresses a stranger may have this server send something to. A server stands in networks that its callers
 * cannot reach; what they name must lie in the public one. Ranges: the registries of special-purpose addresses of IANA
 * (RFC 6890), as `ipaddr.js` has them.
 */

const MAX_URL_LENGTH = 2_000;
const HTTPS_PORT = 443;
/** Ports below are those of services that were never meant to be spoken to in HTTP: mail, names, files. */
const FIRST_FREE_PORT = 1024;

/** What is allocated of IPv6 (RFC 4291 §2.4): all that embeds an IPv4 address lies outside, or is named by its range. */
const GLOBAL_V6 = ipaddr.IPv6.parse("2000::");
/** Looks public, and is the metadata and name server of every machine on Azure. */
const AZURE = "168.63.129.16";

/** Why nothing is posted to this address, as the rest of a sentence; `undefined` when something may be. */
export function urlProblem(text: string, allowPrivate: boolean): string | undefined {
  if (text.length > MAX_URL_LENGTH) return `is longer than ${MAX_URL_LENGTH} characters`;
  if (!URL.canParse(text)) return "is not a valid URL";
  const { protocol, username, password, port, hostname } = new URL(text);
  if (protocol !== "https:" && !(allowPrivate && protocol === "http:")) return "is not https";
  if (username !== "" || password !== "") return "holds a name or a password";
  if (allowPrivate) return undefined;
  const number = port === "" ? HTTPS_PORT : Number(port);
  if (number !== HTTPS_PORT && number < FIRST_FREE_PORT) {
    return `has a port below ${FIRST_FREE_PORT} that is not ${HTTPS_PORT}`;
  }
  const literal = literalOf(hostname);
  return literal !== undefined && !isPublic(literal) ? "is not in the public network" : undefined;
}

/** The IP address that stands in place of a host name in a URL; `undefined` when it is a name. */
export function literalOf(hostname: string): string | undefined {
  const bare = hostname.replace(/^\[(.*)\]$/, "$1");
  return parse(bare) === undefined ? undefined : bare;
}

/** True for an address of one machine that can be reached from everywhere. */
export function isPublic(address: string): boolean {
  const parsed = parse(address);
  if (parsed?.range() !== "unicast") return false;
  return parsed instanceof ipaddr.IPv6
    ? parsed.zoneId === undefined && parsed.match(GLOBAL_V6, 3)
    : parsed.toString() !== AZURE;
}

/** Without the short and octal forms, which not everybody reads alike: URLs have none left. */
function parse(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  return ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : undefined;
}
