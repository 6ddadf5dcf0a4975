/** What a request does, RFC 9110 section 9. */
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
