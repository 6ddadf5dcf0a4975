import { defineApi, price, resource } from "resource402";
import { z } from "zod";

export default defineApi({
  title: "Weather Archive",
  version: "1.0.0",
  description: "Measured weather of past days. The forecast is free, the archive is paid per day.",
  servers: [{ url: "https://weather.example/archive", description: "Production." }],
  resources: {
    day: resource({
      summary: "Get the measured weather of one day.",
      method: "GET",
      path: "/days/:date",
      input: z.object({
        date: z.iso.date().describe("The day, such as 2026-03-31."),
        station: z.enum(["harbor", "summit"]).default("harbor").describe("Where it was measured."),
      }),
      output: z.object({
        date: z.iso.date().describe("The day."),
        station: z.enum(["harbor", "summit"]).describe("Where it was measured."),
        highCelsius: z.number().describe("Highest temperature in °C."),
        rainMm: z.number().describe("Rain in mm."),
      }),
      price: price.fixed("0.002", { per: "day" }),
      timeout: "5s",
      errors: { not_measured: "The station has no measurements of this day." },
      examples: [
        {
          input: { date: "2026-03-31", station: "summit" },
          output: { date: "2026-03-31", station: "summit", highCelsius: 4, rainMm: 12.5 },
        },
      ],
    }),
  },
});
