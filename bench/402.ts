import { post } from "./load/connections.ts";
import { compare, type Variant } from "./load/rotation.ts";
import { INPUT, PATH } from "./servers/route.ts";
import { atMost, type Measure, timesLess } from "./table.ts";

const unpaid = post(PATH, INPUT);
const requests: Variant["requests"] = async (_port, count) => Array.from({ length: count }, () => unpaid);

/** What a server spends on telling a price: a valid request that carries no payment. */
export const measure: Measure = async (options) => {
  const [, official, minimal, ours] = await compare(
    [
      { server: "plain", status: 200, requests },
      { server: "official", status: 402, requests },
      { server: "minimal-memory", status: 402, requests },
      { server: "ours", status: 402, requests },
    ],
    options,
  );
  if (!official || !minimal || !ours) throw new Error("a server was not measured");
  return [
    {
      measure: "unpaid 402, server CPU ÷ plain hono",
      unit: "×",
      peers: [
        { name: "@x402/hono", ...official.ratio },
        { name: "the least for these bytes", ...minimal.ratio },
      ],
      ours: ours.ratio,
      budget: [atMost(1.5, ours.ratio.value, "×"), timesLess(3, official.ratio.value, ours.ratio.value)],
    },
  ];
};
