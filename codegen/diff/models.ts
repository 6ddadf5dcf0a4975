import { type ApiModel, compareText, type JsonSchema, type ResourceModel, refTo, resolve } from "../model.ts";
import { arrow, CHANGE_KINDS, type Change, teller } from "./change.ts";
import { alikeness, pairUp } from "./renames.ts";
import { compareResources } from "./resources.ts";
import { isSame } from "./schemas.ts";

/** All that changed for buyers between two states of an API: the worst kind first, then by resource. */
export function compareModels(was: ApiModel, now: ApiModel): readonly Change[] {
  const changes: Change[] = [];
  compareHeads(was, now, changes);
  const likeness = (a: ResourceModel, b: ResourceModel): number => resourceLikeness(was, a, now, b);
  const { pairs, gone, added } = pairUp(was.resources, now.resources, likeness);
  for (const { name } of gone) teller(name, changes)("breaking", "", "is gone");
  for (const { name, priceSentence } of added) {
    teller(name, changes)("addition", "", `is new. ${priceSentence}`);
  }
  const sides = { was: was.schemas, now: now.schemas };
  for (const pair of pairs) compareResources(sides, pair.was, pair.now, teller(pair.now.name, changes));
  return changes.sort(
    (a, b) =>
      CHANGE_KINDS.indexOf(a.kind) - CHANGE_KINDS.indexOf(b.kind) ||
      Number(b.isWorse) - Number(a.isWorse) ||
      compareText(a.resource, b.resource),
  );
}

function compareHeads(was: ApiModel, now: ApiModel, changes: Change[]): void {
  const tell = teller("", changes);
  const urls = (model: ApiModel): readonly string[] => model.servers.map(({ url }) => url);
  for (const url of urls(was)) if (!urls(now).includes(url)) tell("breaking", "servers", `${url} is gone`);
  for (const url of urls(now)) if (!urls(was).includes(url)) tell("addition", "servers", `${url} is new`);
  if (was.title !== now.title) tell("note", "title", arrow(was.title, now.title));
  if (was.description !== now.description) tell("note", "description", "has changed");
  if (!isSame(was.contact, now.contact)) tell("note", "contact", "has changed");
  if (!isSame(was.license, now.license))
    tell("note", "license", arrow(was.license?.name ?? "none", now.license?.name ?? "none"));
}

/** A renamed resource answers at the same address, or takes and gives the same, or nearly so under a like name. */
function resourceLikeness(was: ApiModel, a: ResourceModel, now: ApiModel, b: ResourceModel): number {
  if (a.method === b.method && a.path === b.path) return 1;
  const faces = (["Input", "Output"] as const).map((face) => {
    const [left, right] = [faceOf(was, a, face), faceOf(now, b, face)];
    if (isSame(left, right)) return 1;
    const [mine, theirs] = [left, right].map(({ properties }) => Object.keys(properties ?? {}));
    const both = mine?.filter((name) => theirs?.includes(name)).length ?? 0;
    return both / Math.max(1, mine?.length ?? 0, theirs?.length ?? 0);
  });
  const likeFaces = Math.min(...faces);
  return 0.4 * likeFaces + 0.3 * alikeness(a.name, b.name) + 0.3 * alikeness(a.summary, b.summary);
}

function faceOf(model: ApiModel, { typeName }: ResourceModel, face: "Input" | "Output"): JsonSchema {
  return resolve(model.schemas, { $ref: refTo(typeName + face) });
}
