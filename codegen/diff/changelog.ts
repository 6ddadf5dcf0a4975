import { blocks } from "../markdown.ts";
import { code } from "../print.ts";
import { type Change, groupsOf } from "./change.ts";
import { raised, reaches, type VersionStep, versionStepOf } from "./version.ts";

/** What changed between two versions, and the version that it asks for. */
export interface Release {
  readonly changes: readonly Change[];
  /** The versions that the API itself names. */
  readonly was: string;
  readonly now: string;
  /** Absent when nothing has changed. */
  readonly step?: VersionStep;
  /** The lowest version that the changes require. Absent without changes, or when the old version is not semantic. */
  readonly version?: string;
}

export function releaseOf(changes: readonly Change[], was: string, now: string): Release {
  const step = versionStepOf(changes);
  const version = step === undefined ? undefined : raised(was, step);
  return {
    changes,
    was,
    now,
    ...(step === undefined ? {} : { step }),
    ...(version === undefined ? {} : { version }),
  };
}

/** What to do about the version, as a sentence; empty when there is nothing to do. */
export function versionAdvice({ was, now, step, version }: Release): string {
  if (step === undefined) return "";
  if (version === undefined) return `A ${step} change.`;
  if (reaches(now, version)) return `A ${step} change: ${was} → ${now}.`;
  return `A ${step} change: set \`version\` to ${version} (it is ${now}).`;
}

/** A section for CHANGELOG.md. */
export function changelog(release: Release): string {
  const { changes, now, version } = release;
  const heading = version === undefined || reaches(now, version) ? now : version;
  const sections = groupsOf(changes).map(({ title, advice, changes }) => {
    const lines = changes.map(({ resource, path, text }) => {
      const names = [resource, path].filter((name) => name !== "").map(code);
      return `- ${names.join(" ")}: ${plain(text)}.`;
    });
    return blocks(`### ${title}`, lines.join("\n"), ...(advice === "" ? [] : [advice]));
  });
  return blocks(`## ${heading}`, ...(sections.length === 0 ? ["Nothing has changed for buyers."] : sections));
}

/** Escapes markup in foreign text. Backticks around names are our own. */
function plain(text: string): string {
  return text.replace(/[\\*<[\]]/g, "\\$&").replace(/\p{Cc}+/gu, " ");
}
