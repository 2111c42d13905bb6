/** A worker takes two seconds and says when it is done. */
import { background, Channel, type Context, go, type SendChannel, sleep } from "coterie/channels";

async function worker(done: SendChannel<boolean>, context: Context, output: (line: string) => void): Promise<void> {
  output("Travail en cours...");
  await sleep(2_000, context);
  output("Travail terminé");
  await done.send(true, context);
}

/** `clock` carries the clock: the machine's own, or one on which two seconds pass at once. */
export async function main(output: (line: string) => void, clock: Context = background()): Promise<void> {
  const done = new Channel<boolean>();
  const work = go((context) => worker(done, context, output), clock);
  await done.receive(clock);
  output("Fin du programme");
  await work;
}
