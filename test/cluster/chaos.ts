/** A seeded run of a cluster under faults and a workload, with what was wrong in it. */
import type { NodeSettings } from "../../src/cluster/index.ts";
import { progressOf } from "../../src/directory/index.ts";
import { CoterieError } from "../../src/platform/index.ts";
import type { SeededRandom } from "../../src/simulation/index.ts";
import { MovedByHand } from "./moved-by-hand.ts";
import { OwnKeyWorkload } from "./own-key-workload.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

export interface ChaosResult {
  readonly complaints: readonly string[];
  readonly okCount: number;
  readonly uncertainCount: number;
  readonly refusedCount: number;
  readonly readCount: number;
  /** Snapshots that were made, and installed by followers. */
  readonly madeCount: number;
  readonly installedCount: number;
  /** Replicas that have gone from a node. */
  readonly goneCount: number;
}

type Fault = (cluster: SimulatedCluster, name: string, random: SeededRandom) => void;

const faults: readonly Fault[] = [
  (cluster, name) => cluster.kill(name),
  (cluster, name) => cluster.world.machine(name).cutPower("random"),
  (cluster, name, random) => {
    const machine = cluster.world.machine(name);
    machine.pause();
    cluster.world.schedule(random.integer(10, 6_000), () => machine.resume());
  },
  (cluster, name) => cluster.world.network.partition([[name], cluster.names.filter((other) => other !== name)]),
  (cluster, name, random) => {
    const others = cluster.names.filter((other) => other !== name);
    const other = others[random.integer(0, others.length - 1)] as string;
    cluster.world.network.cut({ from: name, to: other });
  },
  (cluster, name) => void cluster.world.network.resetConnections(({ from, to }) => from === name || to === name),
  (cluster, name) => cluster.world.machine(name).clock.jumpWall(365 * 24 * 3_600_000),
];

/** What the cluster is like. */
export interface ChaosCluster {
  readonly shards?: number;
  readonly size?: number;
  readonly replicas?: number;
  /** Replicas move all the while, by the test's own hand. */
  readonly moves?: boolean;
  /** They move since nodes are drained and taken back all the while. */
  readonly drains?: boolean;
}

/** Runs `faultCount` faults, one after the other, each healed before the end. */
export async function runChaos(
  seed: number,
  faultCount: number,
  settings: Partial<NodeSettings> = {},
  { shards = 1, size = 3, replicas, moves = false, drains = false }: ChaosCluster = {},
): Promise<ChaosResult> {
  const placement = moves ? new MovedByHand() : undefined;
  const cluster = new SimulatedCluster({ seed, size, node: { settings, shards, replicas, placement } });
  const { world } = cluster;
  const random = world.random.fork();
  await cluster.start();
  let isMoving = moves;
  const wander = (): void => {
    placement?.reportAll(cluster, shards);
    if (isMoving) placement?.wander(cluster, shards, random);
    world.schedule(500, wander);
  };
  if (moves) wander();
  const loads = Array.from({ length: 6 }, (_, at) => new OwnKeyWorkload(cluster, `own${at}`, random.fork()));
  for (let count = 0; count < faultCount; count++) {
    await world.run(random.integer(0, 2_000));
    if (drains) drainOrResume(cluster, random);
    const fault = faults[random.integer(0, faults.length - 1)] as Fault;
    fault(cluster, cluster.names[random.integer(0, cluster.names.length - 1)] as string, random);
    await world.run(random.integer(0, 4_000));
    world.network.healAll();
    for (const name of cluster.names) if (!cluster.nodes.has(name)) void cluster.startNode(name).catch(() => {});
  }
  for (const name of cluster.names) world.machine(name).resume();
  await world.run(8_000);
  isMoving = false;
  for (const load of loads) load.stop();
  await cluster.until(() => loads.every((load) => load.isAnswered), "answers to everything", 20_000);
  if (drains) await settled(cluster);
  await cluster.untilEqual();
  const isSame = cluster.digests(shards).every((digests) => digests.length === 1);
  const complaints = [
    ...(isSame ? [] : ["the replicas differ"]),
    ...loads.flatMap((load) => load.complaints()),
    ...cluster.crashes.map((error) => `crash: ${error instanceof Error ? error.stack : String(error)}`),
    ...cluster.exits.map(({ node, code, reason }) => `${node} exits with ${code}: ${reason}`),
    ...cluster.eventsOf("a replica has stopped").map(({ node, fields }) => `${node}: ${fields.error}`),
  ];
  await cluster.close();
  const madeCount = cluster.eventsOf("snapshot").length;
  const goneCount = cluster.eventsOf("a replica has gone for good").length;
  const installedCount = cluster.eventsOf("a snapshot was installed").length;
  const sum = (reply: string): number => loads.reduce((total, load) => total + load.count(reply), 0);
  return {
    complaints,
    okCount: sum("+OK"),
    uncertainCount: sum("-UNCERTAIN"),
    refusedCount: sum("-TRYAGAIN") + sum("-CLUSTERDOWN"),
    readCount: sum("$"),
    madeCount,
    installedCount,
    goneCount,
  };
}

/** Some node asks that another one be drained, or take replicas again; whether that comes to anything is not waited for. */
function drainOrResume(cluster: SimulatedCluster, random: SeededRandom): void {
  const running = [...cluster.nodes.values()];
  const asked = running[random.integer(0, running.length - 1)];
  if (asked === undefined) return;
  const node = random.integer(1, cluster.names.length);
  const isDrain = asked.directoryState.nodes[node - 1]?.state === "active";
  const request = isDrain ? ({ kind: "drain", node, isForced: false } as const) : ({ kind: "resume", node } as const);
  asked.changeDirectory(request).catch((error: unknown) => {
    if (!(error instanceof CoterieError)) throw error;
  });
}

/** All nodes take replicas again, and waits until every shard has as many as it should, and rests. */
async function settled(cluster: SimulatedCluster): Promise<void> {
  const { world } = cluster;
  const [first] = cluster.nodes.values();
  if (first === undefined) throw new Error("no node runs");
  for (const { id, state } of first.directoryState.nodes) {
    if (state !== "active") await world.until(first.changeDirectory({ kind: "resume", node: id }));
  }
  const isAtRest = (): boolean => {
    const { shards, settings, nodes } = first.directoryState;
    return (
      nodes.every(({ state }) => state === "active") &&
      progressOf(first.directoryState).toCome.length === 0 &&
      shards.every(({ report, wish }) => {
        const voters = report.voters.map((replica) => replica % 65_536).toSorted((a, b) => a - b);
        return report.learners.length === 0 && voters.length === settings.replicas && voters.join() === wish.join();
      })
    );
  };
  await cluster.until(isAtRest, "a placement at rest", 120_000);
  const areHostedAsSaid = (): boolean =>
    first.directoryState.shards.every(({ shard, wish }) => {
      const hosts = cluster.names.filter((name) => cluster.nodes.get(name)?.hostedShards.includes(shard));
      return hosts.map((name) => Number(name.slice(1))).join() === wish.join();
    });
  await cluster.until(areHostedAsSaid, "replicas just where they should be", 60_000);
}
