import { expect, it } from "vitest";
import { compile } from "../../codegen/compile.ts";
import shop from "../fixtures/shop/resources.ts";

it("no resource can have the name of the client's own member", async () => {
  const compiled = await compile({ ...shop, resources: { pending: shop.resources.ping } });
  const mistake = { path: "resources.pending", problem: '"pending" is a reserved name' };
  expect(compiled).toMatchObject({ mistakes: expect.arrayContaining([expect.objectContaining(mistake)]) });
});
