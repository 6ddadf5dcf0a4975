// Generated from resources.ts by `resource402 generate`. Do not edit.

/** What the handler of `caption` is given: validated, with defaults filled in. */
export interface CaptionArgs {
  /** Address of an image drawn by this studio. A URL, at most 2,000 characters. */
  imageUrl: string;
  /**
   * Style of the sentence.
   * @default "plain"
   */
  tone: "plain" | "witty";
}

/** What `caption` asks for. */
export interface CaptionInput {
  /** Address of an image drawn by this studio. A URL, at most 2,000 characters. */
  imageUrl: string;
  /**
   * Style of the sentence.
   * @default "plain"
   */
  tone?: "plain" | "witty";
}

/** What `caption` answers. */
export interface CaptionOutput {
  /** One sentence. */
  caption: string;
}

/** What the handler of `caption` returns. */
export type CaptionResult = CaptionOutput;

/** What the handler of `generateImage` is given: validated, with defaults filled in. */
export interface GenerateImageArgs {
  /** What to draw. Be specific about style, colours and composition. 1 to 1,000 characters. */
  prompt: string;
  /**
   * Higher quality is larger and takes longer.
   * @default "standard"
   */
  quality: "draft" | "standard" | "high";
  /**
   * Name of the colours to use.
   * @default "dusk"
   */
  palette: "dusk" | "meadow" | "ember";
}

/** What `generateImage` asks for. */
export interface GenerateImageInput {
  /** What to draw. Be specific about style, colours and composition. 1 to 1,000 characters. */
  prompt: string;
  /**
   * Higher quality is larger and takes longer.
   * @default "standard"
   */
  quality?: "draft" | "standard" | "high";
  /**
   * Name of the colours to use.
   * @default "dusk"
   */
  palette?: "dusk" | "meadow" | "ember";
}

/** What `generateImage` answers. */
export interface GenerateImageOutput {
  /** Address of the PNG image, kept for 24 hours. A URL. */
  imageUrl: string;
  /** Width and height of the image in pixels. */
  width: number;
}

/** What the handler of `generateImage` returns. */
export type GenerateImageResult = GenerateImageOutput;

/** What the handler of `palette` is given: validated, with defaults filled in. */
export type PaletteArgs = PaletteInput;

/** What `palette` asks for. */
export interface PaletteInput {
  /** Name of the palette. */
  name: "dusk" | "meadow" | "ember";
}

/** What `palette` answers. */
export interface PaletteOutput {
  /** The colours, dark to light. At most 8 entries. */
  colours: string[];
}

/** What the handler of `palette` returns. */
export type PaletteResult = PaletteOutput;
