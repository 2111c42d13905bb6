/** A channel with a buffer of two: two values are sent though nobody receives yet. */
import { Channel } from "coterie/channels";

export async function main(output: (line: string) => void): Promise<void> {
  const channel = new Channel<number>(2);
  await channel.send(1);
  await channel.send(2);
  // A third `send` would wait here for ever. Closing says that no more values come, which is what ends the loop.
  channel.close();
  for await (const value of channel) output(String(value));
}
