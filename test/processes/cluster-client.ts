/** The clients of Redis Cluster that Node programs use, each behind the same few words. */
import { Cluster } from "ioredis";
import {
  ClientClosedError,
  createCluster,
  DisconnectsClientError,
  SocketClosedUnexpectedlyError,
  TimeoutError,
} from "redis";
import { ErrorReply, type Reply } from "../../src/resp/index.ts";
import { type Outcome, outcomeOf } from "../../src/simulation/redis-operation.ts";

export interface ClusterClient {
  /** Whether it sends a command again by itself when a connection breaks, so that one may happen twice. */
  readonly repeats: boolean;
  run(words: readonly string[]): Promise<Outcome>;
  close(): void;
}

export interface ClusterClientOptions {
  /** Cluster ports to begin with. */
  readonly ports: readonly number[];
  /** Where to go instead of to an address. */
  readonly map: (address: string) => { readonly host: string; readonly port: number };
}

/** What the libraries say of themselves, or for the system, where a connection breaks: the command may have happened. */
const brokenErrors = [ClientClosedError, DisconnectsClientError, SocketClosedUnexpectedlyError, TimeoutError];
const ioredisBroken = "Connection is closed.";

/**
 * With a map of addresses ioredis looks for the node that `MOVED` names by the address before the map, does not find it, and asks any
 * of them, until it has a new table: with four nodes one in a hundred commands misses sixteen times.
 */
const ioredisLost = "Too many Cluster redirections.";

function outcomeOfError(error: unknown): Outcome {
  if (!(error instanceof Error)) return { kind: "nonsense", text: String(error) };
  const isBroken =
    error.message === ioredisBroken ||
    error.message.startsWith(ioredisLost) ||
    "syscall" in error ||
    brokenErrors.some((kind) => error instanceof kind);
  return isBroken ? { kind: "unknown" } : outcomeOf(new ErrorReply(error.message));
}

async function outcome(reply: Promise<unknown>): Promise<Outcome> {
  try {
    const value = await reply;
    if (value === null || typeof value === "string" || typeof value === "number")
      return outcomeOf(value satisfies Reply);
    return { kind: "nonsense", text: JSON.stringify(value) };
  } catch (error) {
    return outcomeOfError(error);
  }
}

/** @param repeats as by default; without, what breaks is an error */
export function ioredisClient({ ports, map }: ClusterClientOptions, repeats: boolean): ClusterClient {
  const nodes = ports.map((port) => map(`127.0.0.1:${port}`));
  const cluster = new Cluster(nodes, { natMap: map, ...(repeats ? {} : { retryDelayOnFailover: 0 }) });
  cluster.on("error", () => {});
  return {
    repeats,
    run: ([name = "", ...args]) => outcome(cluster.call(name, ...args)),
    close: () => cluster.disconnect(),
  };
}

/** @param refreshMs how soon after a connection broke it looks for other nodes; 5,000 by default */
export async function nodeRedisClient(
  { ports, map }: ClusterClientOptions,
  refreshMs: number | undefined,
): Promise<ClusterClient> {
  const rootNodes = ports.map((port) => ({ socket: map(`127.0.0.1:${port}`) }));
  const cluster = createCluster({
    rootNodes,
    nodeAddressMap: map,
    ...(refreshMs === undefined ? {} : { topologyRefreshOnReconnectionAttemptStrategy: refreshMs }),
  });
  cluster.on("error", () => {});
  await cluster.connect();
  return {
    repeats: false,
    run: (words) => outcome(cluster.sendCommand(words[1], false, [...words])),
    close: () => cluster.destroy(),
  };
}
