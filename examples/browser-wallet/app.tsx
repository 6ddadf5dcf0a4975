import { QueryClient, QueryClientProvider, useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import type { GenerateImageInput, GenerateImageOutput } from "../studio/types.gen.ts";
import { connectShop, type Order } from "./shop.ts";
import { connectWallet } from "./wallet.ts";

type Quality = NonNullable<GenerateImageInput["quality"]>;

/** A new key for each new order, and the same for another try of it. */
function newOrder(input: GenerateImageInput): Order {
  return { key: crypto.randomUUID(), input };
}

function App() {
  const [progress, setProgress] = useState("");
  const wallet = useMutation({ mutationFn: connectWallet });
  const shop = useMemo(() => connectShop(wallet.data), [wallet.data]);
  // A free call is a query: it may be repeated at any time.
  const palette = useQuery({ queryKey: ["palette"], queryFn: () => shop.palette({ name: "dusk" }) });
  // What an earlier visit has paid for and not received. Nothing is signed, so that it may run by itself.
  const resumed = useQuery({
    queryKey: ["resumed"],
    queryFn: async () => Promise.allSettled((await shop.pending()).map((call) => call.resume())),
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

  // State and not a memo, which React may compute again: a key must live as long as its order.
  const [order, setOrder] = useState<Order>(() => newOrder({ prompt: "a lighthouse", quality: "draft" }));
  const change = (input: Partial<GenerateImageInput>) => setOrder(newOrder({ ...order.input, ...input }));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    purchase.mutate(order);
  };
  const earlier = resumed.data ?? [];
  const lost = earlier.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
  const failed = wallet.error ?? purchase.error ?? resumed.error ?? lost[0];
  const images = [
    ...earlier.flatMap((one) => (one.status === "fulfilled" ? [one.value as GenerateImageOutput] : [])),
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
        <input
          id="prompt"
          value={order.input.prompt}
          required
          onChange={({ target }) => change({ prompt: target.value })}
        />
        <label htmlFor="quality">Quality</label>
        <select
          id="quality"
          value={order.input.quality}
          onChange={({ target }) => change({ quality: target.value as Quality })}
        >
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
