/** What clients notice of replicas that move. */
import { expect, test } from "vitest";
import type { Client } from "../../test/cluster/client.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";
import { nodesOfShard } from "../directory/index.ts";

/** Between two writes of a client. */
const pauseMs = 20;
/** An election that a leader's end brings about takes longer. */
const waitMsMax = 1_000;

/** Clients of some nodes that write all the time, and how long each reply took. */
class Writers {
  readonly replies: Set<string> = new Set();
  longestMs = 0;
  count = 0;

  constructor(cluster: SimulatedCluster, names: readonly string[]) {
    this.#cluster = cluster;
    this.#clients = names.map((name) => cluster.client(name));
    this.#write();
  }

  stop(): void {
    this.#isStopped = true;
  }

  get isAnswered(): boolean {
    return this.#open.size === 0;
  }

  readonly #cluster: SimulatedCluster;
  readonly #clients: readonly Client[];
  readonly #open: Map<Client, Map<number, number>> = new Map();
  #isStopped = false;

  #write(): void {
    const nowMs = this.#cluster.world.nowMs;
    for (const client of this.#clients) {
      const open = this.#open.get(client) ?? new Map<number, number>();
      for (const [ticket, sentMs] of open) {
        const reply = client.replies[ticket];
        if (reply === undefined) continue;
        open.delete(ticket);
        this.replies.add(reply);
        this.longestMs = Math.max(this.longestMs, nowMs - sentMs);
      }
      if (!this.#isStopped) open.set(client.send("SET", `key${this.count++ % 100}`, "x"), nowMs);
      if (open.size > 0) this.#open.set(client, open);
      else this.#open.delete(client);
    }
    if (!this.#isStopped || !this.isAnswered) this.#cluster.world.schedule(pauseMs, () => this.#write());
  }
}

test("a node joins and another one drains, and no client is refused, or waits for as long as an election takes [M-5]", async () => {
  const cluster = new SimulatedCluster({ seed: 5, node: { shards: 4 } });
  await cluster.start();
  await cluster.untilAllLed();
  const writers = new Writers(cluster, ["n1", "n2", "n3"]);
  await cluster.world.run(500);
  await cluster.world.until(cluster.join("n4", "n1"));
  const node = cluster.node("n2");
  const isShared = (): boolean =>
    node.directoryState.shards.some(({ report }) => report.voters.some((id) => id % 65_536 === 4));
  await cluster.until(isShared, "a replica at n4", 60_000);
  const leads = (): boolean => node.topology().shards.some(({ leader }) => leader === 3);
  await cluster.until(leads, "a shard that n3 leads", 60_000);
  await cluster.world.until(node.changeDirectory({ kind: "drain", node: 3, isForced: false }));
  const isEmpty = (): boolean =>
    !node.directoryState.shards.flatMap(nodesOfShard).includes(3) && cluster.node("n3").hostedShards.length === 0;
  await cluster.until(isEmpty, "a node without replicas", 60_000);
  await cluster.world.run(500);
  writers.stop();
  await cluster.until(() => writers.isAnswered, "replies");
  expect([...writers.replies]).toEqual(["+OK\r\n"]);
  expect(writers.count).toBeGreaterThan(500);
  expect(writers.longestMs).toBeLessThan(waitMsMax);
  await cluster.close();
}, 60_000);
