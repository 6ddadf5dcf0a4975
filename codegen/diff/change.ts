/**
 * What a change means to buyers. Breaking: a program that worked no longer does. Price: the same call costs more
 * or less. Weaker: the seller promises less. Addition: there is more, or it is promised for longer. Note: worth
 * knowing, such as a new error code or other words.
 */
export const CHANGE_KINDS = ["breaking", "price", "weaker", "addition", "note"] as const;

export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** One thing about an API that is not as it was. */
export interface Change {
  readonly kind: ChangeKind;
  /** Whether it is to the buyer's loss; of prices, only those that rise are. */
  readonly isWorse: boolean;
  /** The name that the resource has now, or had; empty for the API as a whole. */
  readonly resource: string;
  /** Where in the resource, dotted: `input.size`, `price`; empty for the resource as a whole. */
  readonly path: string;
  /** What changed, in words, without a period. */
  readonly text: string;
}

/** Records a change at a path. `isWorse` is needed for prices only; for other changes it follows from the kind. */
export type Tell = (kind: ChangeKind, path: string, text: string, isWorse?: boolean) => void;

/** Records changes of one resource. */
export function teller(resource: string, changes: Change[]): Tell {
  return (kind, path, text, isWorse = kind === "breaking" || kind === "weaker") => {
    changes.push({ kind, isWorse, resource, path, text: text.replace(/\.$/, "") });
  };
}

/** `old → new`. */
export function arrow(was: string, now: string): string {
  return `${was} → ${now}`;
}

/** Changes that are read together. */
export interface ChangeGroup {
  readonly title: string;
  readonly kind: ChangeKind;
  readonly isWorse: boolean;
  /** What all of them mean to buyers; empty where their texts say it. */
  readonly advice: string;
  /** Not empty. */
  readonly changes: readonly Change[];
}

/** Clients hold a challenge to the price that they were generated with. */
const DEARER = "Existing clients refuse the higher price until they are updated, or their buyers accept it.";

const GROUPS = [
  { title: "Breaking", kind: "breaking", isWorse: true },
  { title: "Dearer", kind: "price", isWorse: true },
  { title: "Weaker", kind: "weaker", isWorse: true },
  { title: "Cheaper", kind: "price", isWorse: false },
  { title: "Better", kind: "addition", isWorse: false },
  { title: "Notes", kind: "note", isWorse: false },
] as const;

/** Changes in groups, the worst first. */
export function groupsOf(changes: readonly Change[]): readonly ChangeGroup[] {
  return GROUPS.map((group) => ({
    ...group,
    advice: group.kind === "price" && group.isWorse ? DEARER : "",
    changes: changes.filter(
      ({ kind, isWorse }) => kind === group.kind && (kind !== "price" || isWorse === group.isWorse),
    ),
  })).filter(({ changes }) => changes.length > 0);
}
