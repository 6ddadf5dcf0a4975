// Generated from resources.ts by `resource402 generate`. Do not edit.

/** A postal address. */
export interface Address {
  /** Street and number. At most 80 characters. */
  street: string;
  /**
   * Where it is.
   * @default "de"
   */
  country: "de" | "jp";
}

/** A postal address. */
export interface AddressInput {
  /** Street and number. At most 80 characters. */
  street: string;
  /**
   * Where it is.
   * @default "de"
   */
  country?: "de" | "jp";
}

export interface Label {
  /** What it says. At most 20 characters. */
  text: string;
}

/** What the handler of `lookUp` is given: validated, with defaults filled in. */
export interface LookUpArgs {
  /** Of the book. Exactly 13 characters. */
  isbn: string;
  /** Only these pages. At most 9 entries. */
  pages?: number[];
  /**
   * Without markup.
   * @default true
   */
  plain: boolean;
}

/** What `lookUp` asks for. */
export interface LookUpInput {
  /** Of the book. Exactly 13 characters. */
  isbn: string;
  /** Only these pages. At most 9 entries. */
  pages?: number[];
  /**
   * Without markup.
   * @default true
   */
  plain?: boolean;
}

/** What `lookUp` answers. */
export interface LookUpOutput {
  /** Of the page. */
  text: string;
}

/** What the handler of `lookUp` returns. */
export type LookUpResult = LookUpOutput;

/** What the handler of `names` is given: validated, with defaults filled in. */
export interface NamesArgs {
  /** A keyword *\/ of the language. At most 10 characters. */
  class: string;
  /**
   * Has a dash; `quoted`, ${not}.
   * @default "a\"b"
   */
  "content-type": "a\"b" | "c`d" | "e|f";
  /**
   * Begins with a digit. -1 to 1,000,000.
   * @default -1
   */
  "2nd": number;
  /**
   * Is no ASCII. 寸 *\/ and
   * more. 0 to 9.5, a multiple of 0.5.
   */
  "größe"?: number;
  /**
   * Would be a reference.
   * @default false
   */
  $ref: boolean;
  /**
   * Not needed any more. At most 5 characters.
   * @deprecated
   */
  old?: string;
}

/** What `names` asks for. */
export interface NamesInput {
  /** A keyword *\/ of the language. At most 10 characters. */
  class: string;
  /**
   * Has a dash; `quoted`, ${not}.
   * @default "a\"b"
   */
  "content-type"?: "a\"b" | "c`d" | "e|f";
  /**
   * Begins with a digit. -1 to 1,000,000.
   * @default -1
   */
  "2nd"?: number;
  /**
   * Is no ASCII. 寸 *\/ and
   * more. 0 to 9.5, a multiple of 0.5.
   */
  "größe"?: number;
  /**
   * Would be a reference.
   * @default false
   */
  $ref?: boolean;
  /**
   * Not needed any more. At most 5 characters.
   * @deprecated
   */
  old?: string;
}

/** What `names` answers. */
export interface NamesOutput {
  /** Whether it went well. */
  ok: boolean;
}

/** What the handler of `names` returns. */
export type NamesResult = NamesOutput;

/** What `schedule` asks for. */
export interface ScheduleInput {
  /** Which queue. At most 20 characters. */
  queue: string;
  /** Not before. An RFC 3339 date and time. */
  when: string;
  /** What to do. 1 to 5,000 characters. */
  text: string;
  /** Who is told. */
  to: AddressInput;
}

/** What `schedule` answers. */
export interface ScheduleOutput {
  /** When it was done. An RFC 3339 date and time. */
  done: string;
  /** Who was told. */
  told: Address;
}

/** What the handler of `shapes` is given: validated, with defaults filled in. */
export type ShapesArgs = ShapesInput;

/** What `shapes` asks for. */
export interface ShapesInput {
  /** Of the node. At most 20 characters. */
  name: string;
  /** Nodes below it. */
  children: ShapesInputChildren;
  /** A circle or a line. */
  shape: {
    /** Round. */
    kind: "circle";
    /** In metres. Above 0, at most 10. */
    radius: number;
  } | {
    /** Straight. */
    kind: "line";
    /** Where it ends. */
    to: Label;
  };
  /** Labels on it. 1 to 3 entries. */
  labels: Label[];
  /** Label above it; null for none. */
  top: Label | null;
  /** By name. */
  scores: {
    [key: string]: number;
  };
  /** By size. */
  sizes: {
    /** By size. 0 to 9. */
    s: number;
    /** By size. 0 to 9. */
    l: number;
  };
  /** A name and any numbers. */
  path: [
    string,
    ...number[]
  ];
  /** Twice or four times. */
  scale: 2 | 4;
  /** A word or a number. */
  either: string | number;
  /** Anything besides. */
  extra: {
    /** Names it. A UUID. */
    id: string;
  } & {
    [key: string]: unknown;
  };
}

/** Nodes below it. */
export type ShapesInputChildren = {
  /** Of the node. At most 20 characters. */
  name: string;
  /** Nodes below it. */
  children: ShapesInputChildren;
}[];

/** What `shapes` answers. */
export interface ShapesOutput {
  /** The picture. A URL. */
  url: string;
  /** In words. */
  note?: string;
  /** Whatever is left. */
  rest: unknown;
}

/** What the handler of `shapes` returns. */
export type ShapesResult = ShapesOutput;
