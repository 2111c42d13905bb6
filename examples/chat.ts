/**
 * A chat over TCP: many clients, a slow one that must not hold up the others, and an end at which nothing is lost.
 * Without an address three guests show what happens. With one it serves until Ctrl-C, for everybody who comes:
 *
 *     npm run example -- chat :8090        and elsewhere, as often as you like:  nc localhost 8090
 */
import { background, type Context } from "coterie/channels";
import { type Connection, dialTcp, formatAddress, linesOf, listenTcp } from "coterie/net";
import { serveChat } from "./chat/server.ts";

export async function main(output: (line: string) => void, address?: string): Promise<void> {
  const [context, stop] = background().withCancel();
  if (address === undefined) {
    await demonstrate(context, stop, output);
    return;
  }
  process.once("SIGINT", () => stop());
  const listener = await listenTcp(address);
  output(`The chat is open at ${formatAddress(listener.address)}`);
  await serveChat(listener, context, output);
}

async function demonstrate(context: Context, stop: () => void, output: (line: string) => void): Promise<void> {
  const listener = await listenTcp("127.0.0.1:0");
  const { port } = listener.address;
  const serving = serveChat(listener, context, (line) => output(`[${line}]`));

  const ana = await Guest.enter("Ana", port, output);
  await ana.hears("What is your name?");
  ana.says("Ana");
  await ana.hears("* Ana is here.");
  const ben = await Guest.enter("Ben", port, output);
  ben.says("Ben");
  await ana.hears("* Ben is here.");
  ana.says("Bonjour !");
  await ben.hears("Ana: Bonjour !");

  // Carla comes in and goes out for a coffee, without closing her terminal.
  const carla = await Guest.enter("Carla", port, output);
  carla.says("Carla");
  await ben.hears("* Carla is here.");
  // The systems' buffers take some megabytes for Carla. When they are full, her lines wait in the room, up to 64.
  const sentence = "and then … ".repeat(400);
  const [isGone, nowGone] = context.withCancel();
  for (let chapter = 1; !isGone.isDone; chapter++) {
    for (let line = 0; line < 20; line++) ana.says(sentence);
    ana.says(`end of chapter ${chapter}`);
    await ben.finds(`Ana: end of chapter ${chapter}`, "* Carla was too slow.", nowGone);
  }
  output("Ben hears * Carla was too slow.");

  ben.says("Now we are among ourselves.");
  await ana.hears("Ben: Now we are among ourselves.");
  stop();
  await ana.hears("* The chat is over.");
  await ben.hears("* The chat is over.");
  await serving;
  await Promise.all([ana, ben, carla].map((guest) => guest.leaves()));
}

/** Somebody at a terminal. */
class Guest {
  readonly #name: string;
  readonly #connection: Connection;
  readonly #lines: AsyncGenerator<string, void, undefined>;
  readonly #output: (line: string) => void;

  private constructor(name: string, connection: Connection, output: (line: string) => void) {
    this.#name = name;
    this.#connection = connection;
    this.#lines = linesOf(connection);
    this.#output = output;
  }

  static async enter(name: string, port: number, output: (line: string) => void): Promise<Guest> {
    return new Guest(name, await dialTcp(`127.0.0.1:${port}`), output);
  }

  says(text: string): void {
    void this.#connection.write(`${text}\n`);
  }

  /** Reads on until `line`, and shows it. */
  async hears(line: string): Promise<void> {
    await this.finds(line);
    this.#output(`${this.#name} hears ${line}`);
  }

  /** Reads on until `line`; calls `noticed` if `other` comes before it. */
  async finds(line: string, other?: string, noticed?: () => void): Promise<void> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(`${this.#name} waits for "${line}" in vain`);
      if (value === other) noticed?.();
      if (value === line) return;
    }
  }

  async leaves(): Promise<void> {
    await this.#connection.close();
  }
}
