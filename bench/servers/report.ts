/** The server's half of `load/server.ts`: says where it listens, answers with its CPU time, ends with its parent. */
export function report(port: number): void {
  process.send?.({ port });
  process.on("message", () => process.send?.({ cpu: process.cpuUsage() }));
  process.on("disconnect", () => process.exit());
}
