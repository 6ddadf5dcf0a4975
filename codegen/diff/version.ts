import type { Change } from "./change.ts";

/** The part of a semantic version that a set of changes asks to be raised (semver.org, 2.0.0). */
export type VersionStep = "major" | "minor" | "patch";

/**
 * The step that changes ask for: major when something breaks, minor when a price, a promise or the offer has
 * changed, patch for words alone; `undefined` when nothing has changed.
 */
export function versionStepOf(changes: readonly Change[]): VersionStep | undefined {
  if (changes.length === 0) return undefined;
  if (changes.some(({ kind }) => kind === "breaking")) return "major";
  return changes.some(({ kind }) => kind !== "note") ? "minor" : "patch";
}

/**
 * The version after a step; `undefined` when the old version is not semantic. Before 1.0.0, which promises no
 * compatibility, every step is one smaller.
 */
export function raised(version: string, step: VersionStep): string | undefined {
  const numbers = numbersOf(version);
  if (numbers === undefined) return undefined;
  const [major, minor, patch] = numbers;
  const part = major > 0 ? step : step === "major" ? "minor" : "patch";
  if (part === "major") return `${major + 1}.0.0`;
  return part === "minor" ? `${major}.${minor + 1}.0` : `${major}.${minor}.${patch + 1}`;
}

/** Whether a version is at least `least`. False when either is not a semantic version. */
export function reaches(version: string, least: string): boolean {
  const [a, b] = [numbersOf(version), numbersOf(least)];
  if (a === undefined || b === undefined) return false;
  const differing = ([0, 1, 2] as const).find((part) => a[part] !== b[part]);
  return differing === undefined || a[differing] > b[differing];
}

function numbersOf(version: string): readonly [number, number, number] | undefined {
  const [, major, minor, patch] = /^(\d+)\.(\d+)\.(\d+)(?:[-+]|$)/.exec(version) ?? [];
  return patch === undefined ? undefined : [Number(major), Number(minor), Number(patch)];
}
