/**
 * Why a server does not start, in one sentence that says how to fix it. It shows no stack: the mistake is in the settings
 * or on the network, not at the place in the code.
 */
export class StartError extends Error {
  readonly #cause: unknown;

  constructor(sentence: string, options: { readonly cause?: unknown; readonly code?: string } = {}) {
    super(sentence);
    this.#cause = options.cause;
    Object.defineProperty(this, "name", { value: "Error" });
    Object.defineProperty(this, "stack", { value: `Error: ${sentence}` });
    // Not enumerable: what is enumerable is printed after the sentence.
    if (options.code !== undefined) Object.defineProperty(this, "code", { value: options.code });
  }

  override get cause(): unknown {
    return this.#cause;
  }
}
