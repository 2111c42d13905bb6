/** A goroutine greets while the program goes on. Which line comes first is nobody's promise. */
import { go } from "coterie/channels";

export async function main(output: (line: string) => void): Promise<void> {
  const greeting = go(() => output("Hello"));
  output("World");
  // A Go program ends with its main function, whether its goroutines have had their say or not. Here we wait for ours.
  await greeting;
}
