type Names = Readonly<Record<string, string>>;

/**
 * An input with the names that its API has. Models are shown other names where theirs would be refused; `names` says
 * what each stands for.
 */
export function restored<T>(value: T, names: Names): T {
  if (Object.keys(names).length === 0 || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => restored(one, names)) as T;
  const members = Object.entries(value).map(([name, member]) => [
    Object.hasOwn(names, name) ? names[name] : name,
    restored(member, names),
  ]);
  return Object.fromEntries(members) as T;
}
