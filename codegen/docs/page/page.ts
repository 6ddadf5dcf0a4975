import { startBoxes, startMenu, startTheme } from "./frame.ts";
import { startCopying, startSamples } from "./samples.ts";
import { startForms } from "./try-it.ts";

/** The script of the documentation page, which can also be read without it. */
startTheme();
startMenu();
startBoxes();
startSamples();
startCopying();
startForms();
