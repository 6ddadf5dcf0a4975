import { sellMinimally } from "./minimal.ts";

const kept = new Map<string, { payment: string; output: string; receipt?: string }>();

await sellMinimally({
  intent: (id, payment, output) => void kept.set(id, { payment, output }),
  receipt(id, receipt) {
    const call = kept.get(id);
    if (call) call.receipt = receipt;
  },
});
