// Generated from resources.ts by `resource402 generate`. Do not edit.

/** What the handler of `render` is given: validated, with defaults filled in. */
export type RenderArgs = RenderInput;

/** What `render` asks for. */
export interface RenderInput {
  /** What the film shows. 1 to 100 characters. */
  title: string;
  /** How long the film is, in frames. 1 to 500. */
  frames: number;
}

/** What `render` answers. */
export interface RenderOutput {
  /** How many frames were rendered. */
  frames: number;
  /** The worker that rendered the last frame. */
  renderedBy: string;
  /** 1, or more when a worker was lost. */
  attempt: number;
}

/** What the handler of `render` returns. */
export type RenderResult = RenderOutput;
