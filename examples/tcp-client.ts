/**
 * A TCP client that prints what the server says. Start `tcp-server` first. (The course's own program also prints the rest
 * of its buffer: a thousand zero bytes.)
 */
import { closed } from "coterie/channels";
import { dialTcp } from "coterie/net";

export async function main(output: (line: string) => void, address = "localhost:8080"): Promise<void> {
  // Closed at the end of the function, however it ends: what Go does with `defer`.
  await using connection = await dialTcp(address);
  const bytes = await connection.read();
  if (bytes !== closed) output(new TextDecoder().decode(bytes).trimEnd());
}
