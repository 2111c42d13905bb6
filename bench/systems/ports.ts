import { createServer } from "node:net";

/** A free port on loopback below the range from which the system takes ports by itself. */
export async function freePort(): Promise<number> {
  return freePortBase([0]);
}

/** A port `P` such that `P + offset` is free for each of `offsets`. */
export async function freePortBase(offsets: readonly number[]): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const base = 12_000 + Math.floor(Math.random() * 8_000);
    const free = await Promise.all(offsets.map((offset) => isFree(base + offset)));
    if (free.every((each) => each)) return base;
  }
  throw new Error("no free ports between 12000 and 32000; stop what holds them and try again");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
