/** Servers and clients that a test opens, and that are closed after it. */
import type { RedisServerOptions } from "../../src/server/index.ts";
import { RawClient } from "./raw-client.ts";
import { type ServedTest, serve } from "./served-keyspace.ts";

export class Opened {
  readonly #opened: { close(): void | Promise<void> }[] = [];

  async start(options: Partial<RedisServerOptions> = {}): Promise<ServedTest> {
    const served = await serve(options);
    this.#opened.push(served.server);
    return served;
  }

  async connect({ port }: { readonly port: number }): Promise<RawClient> {
    const client = await RawClient.connect(port);
    this.#opened.push(client);
    return client;
  }

  async close(): Promise<void> {
    for (const each of this.#opened.splice(0).reverse()) await each.close();
  }
}

/** Lets everything happen that can: a command that was sent before is answered or waits. */
export async function settled(served: { readonly port: number }): Promise<void> {
  const other = await RawClient.connect(served.port);
  await other.run("TIME");
  await other.run("TIME");
  other.close();
}
