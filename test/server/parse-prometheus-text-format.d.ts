declare module "parse-prometheus-text-format" {
  /** The metric families of a scrape. */
  function parse(text: string): readonly { readonly name: string; readonly type: string }[];
  export = parse;
}
