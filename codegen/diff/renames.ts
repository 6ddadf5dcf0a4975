/** What is on both sides, what is on one of them only. */
export interface Pairing<T> {
  readonly pairs: readonly { readonly was: T; readonly now: T }[];
  readonly gone: readonly T[];
  readonly added: readonly T[];
}

/** From here on, two things under different names are taken for one that was renamed. */
const ALIKE = 0.6;

/**
 * Pairs things by name, and what is left by likeness (0 to 1), the most alike first. `isOnly` tells that there
 * is no other candidate on either side.
 */
export function pairUp<T extends { readonly name: string }>(
  was: readonly T[],
  now: readonly T[],
  likeness: (was: T, now: T, isOnly: boolean) => number,
): Pairing<T> {
  const named = new Map(now.map((one) => [one.name, one]));
  const pairs: { was: T; now: T }[] = [];
  for (const one of was) {
    const same = named.get(one.name);
    if (same !== undefined) pairs.push({ was: one, now: same });
  }
  const kept = new Set(pairs.map((pair) => pair.was.name));
  const gone = new Set(was.filter(({ name }) => !kept.has(name)));
  const added = new Set(now.filter(({ name }) => !kept.has(name)));
  const isOnly = gone.size === 1 && added.size === 1;
  for (const { left, right } of closest([...gone], [...added], ALIKE, (a, b) => likeness(a, b, isOnly))) {
    pairs.push({ was: left, now: right });
    gone.delete(left);
    added.delete(right);
  }
  return { pairs, gone: [...gone], added: [...added] };
}

/** Pairs from two lists whose likeness is at least `least`, each thing once, the most alike first. */
export function closest<T>(
  lefts: readonly T[],
  rights: readonly T[],
  least: number,
  likeness: (left: T, right: T) => number,
): readonly { readonly left: T; readonly right: T }[] {
  const rated = lefts
    .flatMap((left) => rights.map((right) => ({ left, right, rate: likeness(left, right) })))
    .filter(({ rate }) => rate >= least)
    .sort((a, b) => b.rate - a.rate);
  const taken = new Set<T>();
  return rated.filter(({ left, right }) => {
    if (taken.has(left) || taken.has(right)) return false;
    taken.add(left);
    taken.add(right);
    return true;
  });
}

/** How alike two texts are, from 0 to 1: the share of neighbouring letters that both have (Dice). */
export function alikeness(a: string, b: string): number {
  if (a === b) return 1;
  const [left, right] = [lettersOf(a), lettersOf(b)];
  if (left.length === 0 || right.length === 0) return 0;
  const rest = [...right];
  const shared = left.filter((pair) => {
    const at = rest.indexOf(pair);
    if (at >= 0) rest.splice(at, 1);
    return at >= 0;
  });
  return (2 * shared.length) / (left.length + right.length);
}

/** Neighbouring letters; of long prose, the beginning is enough. */
function lettersOf(text: string): string[] {
  const plain = text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .slice(0, 300);
  return Array.from({ length: Math.max(0, plain.length - 1) }, (_, at) => plain.slice(at, at + 2));
}
