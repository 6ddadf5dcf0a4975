/** What a request does, RFC 9110 section 9. */
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** How one member of the input is sent, where that differs from the default of its method. */
export interface Carriage {
  /** `body`: the member is the whole body. `form`: it is a member of a form, laid out by `as`. */
  readonly in: "query" | "body" | "form";
  /** The name in the request. @default the member's name */
  readonly name?: string;
  /** The layout of a list or an object; `file`: bytes, a part of a form. @default a list repeats its name; an object is JSON */
  readonly as?: "comma" | "space" | "pipe" | "members" | "deep" | "json" | "file";
}

/** By the name of the member. */
export type Carriages = Readonly<Record<string, Carriage>>;
