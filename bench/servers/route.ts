/** The one route that every variant serves, so that they differ in nothing but how they are paid. */
export const PATH = "/v1/caption";
export const INPUT = { imageUrl: "https://example.com/lighthouse.png", tone: "plain" };
export const OUTPUT = { caption: "A lighthouse on a cliff at dusk." };
export const SUMMARY = "Describe an image in one sentence.";

/** Base Sepolia: known to both sides by default, so neither needs a word of configuration. */
export const NETWORK = "eip155:84532";
export const PAY_TO = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
export const PAYER = "0x857b06519E91e3A54538791bDbb0E22373e36b66";
export const PRICE = "0.01";
