import type { GeneratedFile } from "../files.ts";
import { resourcesOf, type SampleChoice, sampleDefinition } from "./definition.ts";
import { HANDLERS } from "./handlers.ts";
import { readmeText } from "./readme.ts";
import { serverText } from "./server.ts";
import { environmentText, GITIGNORE, TSCONFIG } from "./settings.ts";

/** The choices for a new project. */
export interface Answers {
  readonly title: string;
  /** Absent when not known yet. */
  readonly payTo?: string;
  readonly sample: SampleChoice;
}

/** The files of every project. */
export function settingFiles({ payTo }: Answers): readonly GeneratedFile[] {
  return [
    { path: "tsconfig.json", text: TSCONFIG },
    { path: ".gitignore", text: GITIGNORE },
    { path: ".env.example", text: environmentText(payTo) },
  ];
}

/** A definition and its handlers. */
export function sampleFiles({ title, sample }: Answers): readonly GeneratedFile[] {
  const resources = resourcesOf(sample);
  return [
    { path: "resources.ts", text: sampleDefinition(title, sample) },
    ...resources.map((name) => ({ path: `handlers/${name}.ts`, text: HANDLERS[name] })),
    { path: "server.ts", text: serverText(resources) },
    { path: "README.md", text: readmeText(title, resources) },
  ];
}
