import {
  type Broken,
  both,
  challenges,
  changing,
  document,
  instead,
  isPaid,
  offers,
  refusal,
  sales,
  withHeaders,
  without,
} from "./bend.ts";

/** Faults in the price and the description of a resource. */
export const BROKEN_OFFERS: readonly Broken[] = [
  {
    name: "refuses a probe without input instead of sending the price",
    finds: "challenge",
    fault: instead(
      (call) => sales(call) && call.body === "",
      () => refusal(400, "text is missing."),
    ),
  },
  {
    name: "writes the network by its old name in v2",
    finds: "challenge-v2",
    // Other checks need a valid network, so the challenge also has a correct entry.
    fault: challenges((v2) => {
      v2.accepts.push({ ...v2.accepts[0], network: "base-sepolia" });
    }),
  },
  {
    name: "sends an amount as a number",
    finds: "challenge-v2",
    fault: challenges((v2) => {
      v2.accepts[0].amount = Number(v2.accepts[0].amount);
    }),
  },
  {
    name: "sends the header as plain JSON",
    finds: "challenge-v2",
    fault: changing(
      ({ status }, call) => status === 402 && call.body === "",
      (answer) => withHeaders(answer, { "payment-required": JSON.stringify({ x402Version: 2 }) }),
    ),
  },
  {
    name: "forgets maxAmountRequired in v1",
    finds: "challenge-v1",
    fault: challenges((_, v1) => {
      v1.accepts.push({ ...v1.accepts[0], maxTimeoutSeconds: undefined });
    }),
  },
  {
    name: "asks for another amount in v1 than in v2",
    finds: "challenge-versions",
    fault: challenges((_, v1) => {
      v1.accepts[0].maxAmountRequired = "10001";
      v1.accepts[0].extra.pricing.amount = "0.010001";
    }),
  },
  {
    name: "names another payee in v1 than in v2",
    finds: "challenge-versions",
    fault: challenges((_, v1) => {
      v1.accepts[0].payTo = "0x000000000000000000000000000000000000dEaD";
    }),
  },
  {
    name: "names its internal URL behind a proxy",
    finds: "challenge-resource",
    fault: challenges((v2) => {
      v2.resource.url = "http://seller.internal:3000/v1/echo";
    }),
  },
  {
    name: "does not name the token's domain",
    finds: "challenge-domain",
    fault: offers((offer) => {
      delete offer.extra.version;
    }),
  },
  {
    name: "makes offers that are valid for a day",
    finds: "challenge-time",
    fault: offers((offer) => {
      offer.maxTimeoutSeconds = 86_400;
    }),
  },
  {
    name: "names a new payee in every challenge",
    finds: "challenge-stable",
    fault: (() => {
      let count = 0;
      return challenges((v2, v1) => {
        count += 1;
        const payTo = `0x${String(count).padStart(40, "0")}`;
        v2.accepts[0].payTo = payTo;
        v1.accepts[0].payTo = payTo;
      });
    })(),
  },
  {
    name: "sends the header only in the response to the probe",
    finds: "challenge-payable",
    fault: changing(
      ({ status }, call) => status === 402 && call.body !== "" && !isPaid(call),
      (answer) => without(answer, "payment-required"),
    ),
  },
  {
    name: "publishes no readable price",
    finds: "price-shown",
    fault: both(
      document((operation) => {
        delete operation["x-payment-info"];
      }),
      offers((offer) => {
        delete offer.extra.pricing;
      }),
    ),
  },
  {
    name: "charges ten times its readable price",
    finds: "price-agrees",
    fault: offers((offer) => {
      offer.extra.pricing.amount = "0.001";
    }),
  },
  {
    name: "publishes an old price",
    finds: "price-document",
    fault: document((operation) => {
      operation["x-payment-info"].price.amount = "0.005";
    }),
  },
  {
    name: "publishes an offer in cents as if they were units of the token",
    finds: "price-document",
    fault: document((operation) => {
      operation["x-payment-info"].offers = [
        { intent: "charge", method: "x402", amount: "10000", currency: "USD" },
      ];
    }),
  },
  {
    name: "offers another price on another network",
    finds: "price-input",
    fault: challenges((v2) => {
      v2.accepts.push({
        ...v2.accepts[0],
        network: "eip155:8453",
        asset: "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
        amount: "20000",
        extra: {
          ...v2.accepts[0].extra,
          pricing: { amount: "0.02", currency: "USDC", description: "Say it." },
        },
      });
    }),
  },
  {
    name: "does not say what it sells",
    finds: "describes-resource",
    fault: both(
      document((operation) => {
        delete operation.summary;
      }),
      challenges((v2, v1) => {
        delete v2.resource.description;
        v1.accepts[0].description = "";
      }),
    ),
  },
  {
    name: "leaves a field without description",
    finds: "describes-input",
    fault: document((operation) => {
      const { schema } = operation.requestBody.content["application/json"];
      delete schema.properties.times.description;
    }),
  },
  {
    name: "does not limit the length of a string",
    finds: "describes-limits",
    fault: document((operation) => {
      const { schema } = operation.requestBody.content["application/json"];
      delete schema.properties.text.maxLength;
    }),
  },
  {
    name: "publishes a default that it would refuse",
    finds: "describes-defaults",
    fault: document((operation) => {
      const { schema } = operation.requestBody.content["application/json"];
      schema.properties.times.default = 5;
    }),
  },
  {
    name: "does not document the default of an optional choice",
    finds: "describes-absence",
    fault: document((operation) => {
      const { schema } = operation.requestBody.content["application/json"];
      schema.properties.times = { enum: [1, 2, 3], description: "How often." };
    }),
  },
  {
    name: "does not document the response",
    finds: "describes-output",
    fault: both(
      document((operation) => {
        delete operation.responses["200"].content;
      }),
      challenges((_, v1) => {
        delete v1.accepts[0].outputSchema.output;
      }),
    ),
  },
];
