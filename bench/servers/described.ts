import { sellOfficially } from "./middleware.ts";

/** The description of this route in our challenge. A payment repeats it, so that both headers have the same length. */
const type = (name: string, more: object = {}) => ({ type: name, ...more });
const required = (properties: Record<string, unknown>, names = Object.keys(properties)) =>
  type("object", { properties, required: names });

sellOfficially({
  extra: {
    pricing: { amount: "0.01", currency: "USDC", description: "per caption" },
    refundPolicy: "Charged only when the answer is delivered.",
  },
  extensions: {
    "payment-identifier": {
      info: { required: false },
      schema: {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        ...required(
          {
            required: type("boolean"),
            id: type("string", { minLength: 16, maxLength: 128, pattern: "^[a-zA-Z0-9_-]+$" }),
          },
          ["required"],
        ),
      },
    },
    bazaar: {
      info: {
        input: { type: "http", method: "POST", bodyType: "json", body: { imageUrl: "https://example.com/" } },
        output: { type: "json", example: { caption: "…" } },
      },
      schema: {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        ...required(
          {
            input: required({
              type: type("string", { const: "http" }),
              method: type("string", { enum: ["POST"] }),
              bodyType: type("string", { enum: ["json"] }),
              body: required(
                {
                  imageUrl: type("string", {
                    description: "Public URL of the image.",
                    pattern: "^\\s*[A-Za-z][A-Za-z0-9+.-]*:",
                    examples: ["https://example.com/"],
                  }),
                  tone: type("string", {
                    description: "Style of the sentence.",
                    enum: ["plain", "witty"],
                    default: "plain",
                  }),
                },
                ["imageUrl"],
              ),
            }),
            output: required({
              type: type("string"),
              example: required({ caption: type("string", { description: "One sentence." }) }),
            }),
          },
          ["input"],
        ),
      },
    },
  },
});
