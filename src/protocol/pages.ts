/** Where a server says what it sells, by GET, unless a resource is there. */
export const PUBLISHED_PATHS = ["/openapi.json", "/llms.txt", "/docs", "/.well-known/x402"] as const;

/** Where a server tells those who operate it how it is, unless a resource of whatever method is there. */
export const OPERATOR_PATHS = ["/livez", "/readyz", "/metrics", "/admin", "/admin/data"] as const;

export type PublishedPath = (typeof PUBLISHED_PATHS)[number];
export type OperatorPath = (typeof OPERATOR_PATHS)[number];
