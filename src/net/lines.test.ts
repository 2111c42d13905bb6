import { expect, test } from "vitest";
import { Context, closed } from "../channels/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import { linesOf } from "./lines.ts";
import { dialTcp, listenTcp } from "./tcp.ts";

/** The lines that come of `bytes`, and the code of the error at which they end. */
async function linesFrom(bytes: string | Uint8Array, bytesMax = 10): Promise<readonly string[]> {
  const world = new SimulatedWorld({ seed: 2, network: { splitChance: 0.7 } });
  const platform = world.machine("n1").start();
  const options = { network: platform.network, context: Context.background(platform) };
  const run = async (): Promise<readonly string[]> => {
    const listener = await listenTcp("127.0.0.1:0", options);
    const client = await dialTcp(listener.address, options);
    const server = await listener.accept();
    if (server === closed) throw new Error("closed");
    await client.write(bytes);
    client.closeWrite();
    const lines: string[] = [];
    try {
      for await (const line of linesOf(server, { bytesMax })) lines.push(line);
    } catch (error) {
      lines.push(error instanceof Error && "code" in error ? String(error.code) : String(error));
    }
    return lines;
  };
  return world.until(run());
}

test.for<{ name: string; bytes: string | Uint8Array; lines: readonly string[] }>([
  { name: "nothing", bytes: "", lines: [] },
  { name: "lines, with either end", bytes: "a\r\nbc\n\né\n", lines: ["a", "bc", "", "é"] },
  { name: "a last line without an end", bytes: "a\nb", lines: ["a", "b"] },
  { name: "no UTF-8", bytes: Uint8Array.of(0x61, 0xff, 0x0a), lines: ["a\ufffd"] },
  { name: "a line that is too long", bytes: "a\n0123456789x\nb\n", lines: ["a", "MESSAGE_TOO_LARGE"] },
  { name: "a long line without an end", bytes: "0123456789x", lines: ["MESSAGE_TOO_LARGE"] },
])("$name", async ({ bytes, lines }) => {
  expect(await linesFrom(bytes)).toEqual(lines);
});
