/**
 * A client that writes growing numbers to a key of its own and reads them back, pipelined, whatever happens to the
 * nodes. Since nobody else writes the key, each read has one right answer, or a few where writes were uncertain: the
 * order of a connection (CONSENSUS, S-5, S-7) can be checked exactly.
 */
import type { Node } from "../../src/cluster/index.ts";
import type { SeededRandom } from "../../src/simulation/index.ts";
import { bulk, type Client } from "./client.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";

interface Operation {
  readonly kind: "write" | "read";
  /** What was written. */
  readonly value: number;
  readonly client: Client;
  readonly ticket: number;
}

export class OwnKeyWorkload {
  readonly operations: Operation[] = [];
  readonly #cluster: SimulatedCluster;
  readonly #random: SeededRandom;
  readonly #key: string;
  #client: Client | undefined;
  /** To which the client is connected; another one of that name may run by now. */
  #node: Node | undefined;
  #lastValue = 0;
  #isStopped = false;

  constructor(cluster: SimulatedCluster, key: string, random: SeededRandom) {
    this.#cluster = cluster;
    this.#key = key;
    this.#random = random;
    this.#next();
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Whether all that was sent to nodes that still run is answered. */
  get isAnswered(): boolean {
    return this.#client === undefined || this.#client.isAnswered || !this.#isConnected;
  }

  count(reply: string): number {
    return this.operations.filter(({ client, ticket }) => client.replies[ticket]?.startsWith(reply) === true).length;
  }

  /** What is wrong with the replies, in words. */
  complaints(): string[] {
    const complaints: string[] = [];
    /** What the key may hold, as far as is known. */
    let possible = new Set<number | undefined>([undefined]);
    /** Writes without an answer may still take effect, however late: who sent them on may be gone by then. */
    const open = new Set<number>();
    for (const { kind, value, client, ticket } of this.operations) {
      const reply = client.replies[ticket];
      if (kind === "write") {
        if (reply === "+OK\r\n") possible = new Set([value]);
        else if (reply === undefined || reply.startsWith("-UNCERTAIN")) open.add(value);
        else if (!/^-(TRYAGAIN|CLUSTERDOWN|DISKFULL)/.test(reply)) complaints.push(`write ${value}: ${reply}`);
      } else if (reply !== undefined && !reply.startsWith("-")) {
        const seen = [...possible, ...open].find(
          (each) => reply === (each === undefined ? "_\r\n" : bulk(String(each))),
        );
        if (seen === undefined && !(possible.has(undefined) && reply === "_\r\n")) {
          complaints.push(`${this.#key}, ticket ${ticket}: read ${JSON.stringify(reply)}, possible: ${[...possible]}`);
        } else {
          possible = new Set([seen]);
          if (seen !== undefined) open.delete(seen);
        }
      } else if (reply?.startsWith("-UNCERTAIN") === true) {
        complaints.push(`a read is answered ${reply}`);
      }
    }
    return complaints;
  }

  get #isConnected(): boolean {
    return this.#node !== undefined && this.#cluster.nodes.get(this.#node.name) === this.#node;
  }

  #next(): void {
    if (this.#isStopped) return;
    this.#send();
    this.#cluster.world.schedule(this.#random.integer(1, 80), () => this.#next());
  }

  #send(): void {
    const client = this.#connect();
    if (client === undefined || client.failures.length > 0) {
      this.#client = undefined;
      return;
    }
    if (client.sentCount - client.replies.filter((reply) => reply !== undefined).length > 100) return;
    for (let count = this.#random.integer(1, 8); count > 0; count--) {
      if (this.#random.integer(0, 1) === 0) {
        const value = ++this.#lastValue;
        this.operations.push({ kind: "write", value, client, ticket: client.send("SET", this.#key, String(value)) });
      } else {
        this.operations.push({ kind: "read", value: 0, client, ticket: client.send("GET", this.#key) });
      }
    }
  }

  /** Stays with one node as long as that runs. */
  #connect(): Client | undefined {
    if (this.#client !== undefined && this.#isConnected) return this.#client;
    const names = [...this.#cluster.nodes.keys()].toSorted();
    const name = names[this.#random.integer(0, Math.max(0, names.length - 1))];
    if (name === undefined) return undefined;
    this.#node = this.#cluster.node(name);
    this.#client = this.#cluster.client(name);
    return this.#client;
  }
}
