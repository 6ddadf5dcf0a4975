import { sellOfficially } from "./middleware.ts";

sellOfficially();
