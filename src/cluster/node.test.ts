import { expect, test } from "vitest";
import { commandTable } from "../keyspace/index.ts";
import { silentLogger } from "../platform/index.ts";
import { Arguments, encodeReply } from "../resp/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import type { ClientStream } from "./client-stream.ts";
import { Node } from "./node.ts";

/** One client, as the server's connections are. */
class Client {
  readonly replies: string[] = [];
  readonly failures: string[] = [];
  readonly stream: ClientStream;
  #ticket = 0;

  constructor(node: Node) {
    this.stream = node.openStream({
      reply: (ticket, reply) => {
        expect(this.replies[ticket]).toBeUndefined();
        this.replies[ticket] = encodeReply(reply, 3);
      },
      fail: (reason) => this.failures.push(reason),
    });
  }

  /** Returns the ticket. */
  send(...words: string[]): number {
    const args = Arguments.of(words);
    const spec = commandTable.resolve(args);
    if (spec === undefined) throw new Error(`no such command: ${words}`);
    const ticket = this.#ticket++;
    this.stream.submit(ticket, spec, args, 3);
    args.bytes.fill(0x21);
    return ticket;
  }
}

test("a node alone carries out commands in order", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const platform = world.machine("n1").start();
  const node = await world.until(Node.start({ platform, logger: silentLogger, name: "n1" }));
  const client = new Client(node);
  client.send("SET", "a", "1");
  client.send("GET", "a");
  client.send("INCR", "a");
  client.send("GET", "a");
  client.send("GET", "b");
  await world.run(200);
  expect(client.replies).toEqual(["+OK\r\n", "$1\r\n1\r\n", ":2\r\n", "$1\r\n2\r\n", "_\r\n"]);
  await world.until(node.close());
});
