export default function Page() {
  return <main>Places</main>;
}
