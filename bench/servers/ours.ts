import { memoryStore } from "../../dist/server.js";
import { sell } from "./seller.ts";

await sell(memoryStore());
