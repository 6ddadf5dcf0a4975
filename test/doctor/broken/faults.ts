import { BROKEN_ANSWERS } from "./answers.ts";
import type { Broken } from "./bend.ts";
import { BROKEN_OFFERS } from "./offers.ts";
import { BROKEN_PURCHASES } from "./purchases.ts";

/** Servers that each have exactly one fault. */
export const BROKEN: readonly Broken[] = [...BROKEN_OFFERS, ...BROKEN_ANSWERS, ...BROKEN_PURCHASES];
