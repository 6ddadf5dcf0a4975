import { PALETTES } from "../gallery.ts";
import type { Handlers } from "../server.gen.js";

/** List the colours of a palette. */
export const palette: Handlers["palette"] = ({ name }) => ({ colours: [...PALETTES[name]] });
