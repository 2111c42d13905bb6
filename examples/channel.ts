/** One value through a channel, from one goroutine to another. */
import { Channel, closed, go } from "coterie/channels";

export async function main(output: (line: string) => void): Promise<void> {
  const channel = new Channel<number>();
  const sender = go(async () => {
    // Waits until somebody receives: the channel has no buffer.
    await channel.send(10);
  });
  const value = await channel.receive();
  // Go gives the zero value for a closed channel; here the type says that it may be closed.
  if (value !== closed) output(String(value));
  await sender;
}
