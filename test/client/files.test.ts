import fc from "fast-check";
import { connect } from "resource402/client";
import { expect, it } from "vitest";
import { bytesOfText, textOfBytes } from "../../src/client/files.ts";

it("sends files and text of any kind as the parts of a form, byte by byte", async () => {
  const sent: FormData[] = [];
  const fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    sent.push(await new Request(input, init).formData());
    return Response.json({ ok: true });
  };
  const client = connect({ baseUrl: "http://127.0.0.1:1", payer: undefined as never, fetch } as never);
  const call = client.resource({
    ...{
      name: "upload",
      method: "POST",
      path: "/upload",
      price: { kind: "free" },
      body: "multipart/form-data",
    },
    send: {
      file: { in: "form", as: "file" },
      more: { in: "form", as: "file" },
      text: { in: "form", as: "file" },
    },
  } as const);
  const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => index % 256);
  const file = new File([bytes], 'größe ".png', { type: "image/png" });
  await call({ title: "寸 é", file, more: [bytes, new Blob(["a\r\nb"])], text: "plain ö", about: { a: 1 } });
  const form = sent[0] ?? new FormData();
  expect(form.get("title")).toBe("寸 é");
  expect(form.get("about")).toBeDefined();
  const read = async (one: unknown) => (one instanceof Blob ? new Uint8Array(await one.arrayBuffer()) : one);
  expect(await read(form.get("file"))).toEqual(bytes);
  expect((form.get("file") as File).type).toBe("image/png");
  expect((form.get("file") as File).name).toBe('größe ".png');
  const more = await Promise.all(form.getAll("more").map(read));
  expect(more).toEqual([bytes, new TextEncoder().encode("a\r\nb")]);
  expect(await (form.get("text") as File).text()).toBe("plain ö");
});

it("keeps bytes as text without a loss", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect([...bytesOfText(textOfBytes(bytes))]).toEqual([...bytes]);
    }),
  );
});

it("sends a call whose input was left out, as JavaScript allows", async () => {
  const fetch = async () => Response.json({ open: true });
  const client = connect({ baseUrl: "http://127.0.0.1:1", fetch });
  const ping = client.resource({ name: "ping", method: "GET", path: "/ping", price: { kind: "free" } });
  expect(await ping(undefined as never)).toEqual({ open: true });
});
