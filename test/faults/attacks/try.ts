import { ATTACKS } from "./catalog.ts";
import { attack } from "./run.ts";

const [only = "", seeds = "1", from = "1"] = process.argv.slice(2);
for (const one of ATTACKS.filter(({ name, part }) => `(${part}) ${name}`.includes(only))) {
  for (let seed = Number(from); seed < Number(from) + Number(seeds); seed++) {
    const t = performance.now();
    const found = await attack(one, seed, seed % 2 ? "memory" : "sqlite");
    console.log(
      `(${one.part}) ${one.name} seed ${seed} ${Math.round(performance.now() - t)} ms: ${found.length}`,
    );
    for (const { kind, item, detail } of found) console.log(`   ${kind}: ${item} ${detail.slice(0, 200)}`);
  }
}
process.exit();
