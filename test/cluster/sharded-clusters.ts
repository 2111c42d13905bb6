import { hashSlotOfText, SlotRanges } from "../../src/ring/index.ts";
import type { Client } from "./client.ts";
import { SimulatedCluster, type SimulatedClusterOptions } from "./simulated-cluster.ts";

/** Clusters of eight shards for one test after the other: made, and closed again by whoever made them. */
export class ShardedClusters {
  readonly shardCount: number = 8;

  /** @param defaults of each cluster, where a test does not say otherwise */
  constructor(defaults: SimulatedClusterOptions = {}) {
    this.#defaults = defaults;
  }

  shardOf(key: string): number {
    return this.#ranges.shardOf(hashSlotOfText(key));
  }

  /** A cluster of which no node runs yet. */
  make(options: SimulatedClusterOptions = {}): SimulatedCluster {
    const node = { shards: this.shardCount, ...this.#defaults.node, ...options.node };
    const cluster = new SimulatedCluster({ ...this.#defaults, ...options, node });
    this.#open.push(cluster);
    return cluster;
  }

  /** A cluster of whose shards each has a leader. */
  async start(options: SimulatedClusterOptions = {}): Promise<SimulatedCluster> {
    const cluster = this.make(options);
    await cluster.start();
    await cluster.untilAllLed();
    return cluster;
  }

  async close(): Promise<void> {
    for (const cluster of this.#open.splice(0)) await cluster.close();
  }

  readonly #defaults: SimulatedClusterOptions;
  readonly #open: SimulatedCluster[] = [];
  readonly #ranges = new SlotRanges(this.shardCount);
}

/** The replies to commands, given as their words with blanks between, that are sent at once. */
export async function answers(cluster: SimulatedCluster, client: Client, ...commands: string[]): Promise<unknown[]> {
  const tickets = commands.map((command) => client.send(...command.split(" ")));
  await cluster.until(() => client.isAnswered, "replies");
  return tickets.map((ticket) => client.replies[ticket]);
}
