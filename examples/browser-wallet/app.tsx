import { QueryClient, QueryClientProvider, useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import type { GenerateImageInput } from "../studio/types.gen.ts";
import { connectShop, type Order } from "./shop.ts";
import { connectWallet } from "./wallet.ts";

type Quality = NonNullable<GenerateImageInput["quality"]>;

function App() {
  const [progress, setProgress] = useState("");
  const wallet = useMutation({ mutationFn: connectWallet });
  const shop = useMemo(() => connectShop(wallet.data), [wallet.data]);
  // A free call is a query: it may be repeated at any time.
  const palette = useQuery({ queryKey: ["palette"], queryFn: () => shop.palette({ name: "dusk" }) });
  // What an earlier visit has paid for and not received. Nothing is signed, so that it may run by itself.
  const resumed = useQuery({
    queryKey: ["resumed"],
    queryFn: async () => Promise.all((await shop.pending()).map((call) => call.resume())),
    staleTime: Number.POSITIVE_INFINITY,
  });
  // A paid call is a mutation: a query would pay again whenever the window gets the focus.
  const purchase = useMutation({
    mutationFn: ({ key, input }: Order) =>
      shop.generateImage(input, {
        idempotencyKey: key,
        onProgress: ({ status, message }) => setProgress(message ?? status),
      }),
    onMutate: () => setProgress("waiting for the wallet"),
  });

  const [prompt, setPrompt] = useState("a lighthouse");
  const [quality, setQuality] = useState<Quality>("draft");
  // A new key for each new order, and the same for another try of it.
  const order = useMemo<Order>(
    () => ({ key: crypto.randomUUID(), input: { prompt, quality } }),
    [prompt, quality],
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    purchase.mutate(order);
  };
  const failed = wallet.error ?? purchase.error ?? resumed.error;
  const images = [
    ...((resumed.data ?? []) as { imageUrl: string }[]),
    ...(purchase.data ? [purchase.data] : []),
  ];

  return (
    <>
      <h1>Buy an image</h1>
      <p>Colors: {palette.data?.colours.join(" ") ?? "…"}</p>
      {wallet.data ? (
        <p>Wallet: {wallet.data.address}</p>
      ) : (
        <button type="button" onClick={() => wallet.mutate()} disabled={wallet.isPending}>
          Connect wallet
        </button>
      )}
      <form onSubmit={submit}>
        <label htmlFor="prompt">Prompt</label>
        <input id="prompt" value={prompt} required onChange={({ target }) => setPrompt(target.value)} />
        <label htmlFor="quality">Quality</label>
        <select id="quality" value={quality} onChange={({ target }) => setQuality(target.value as Quality)}>
          <option>draft</option>
          <option>standard</option>
          <option>high</option>
        </select>
        <button type="submit" disabled={!wallet.data || purchase.isPending}>
          Buy for ${shop.generateImage.quote(order.input)}
        </button>
      </form>
      <p role="status">
        {purchase.isPending && progress}
        {resumed.isPending && "checking earlier purchases"}
      </p>
      {failed && <p role="alert">{failed.message}</p>}
      {images.map(({ imageUrl }) => (
        <img key={imageUrl} src={imageUrl} alt={`Bought: ${imageUrl}`} />
      ))}
    </>
  );
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <QueryClientProvider client={new QueryClient()}>
      <App />
    </QueryClientProvider>,
  );
}
