/** A seeded run of a cluster under faults and a workload, with what was wrong in it. */
import type { NodeSettings } from "../../src/cluster/index.ts";
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
  /** Replicas move all the while. */
  readonly moves?: boolean;
}

/** Runs `faultCount` faults, one after the other, each healed before the end. */
export async function runChaos(
  seed: number,
  faultCount: number,
  settings: Partial<NodeSettings> = {},
  { shards = 1, size = 3, replicas, moves = false }: ChaosCluster = {},
): Promise<ChaosResult> {
  const placement = moves ? new MovedByHand() : undefined;
  const cluster = new SimulatedCluster({ seed, size, node: { settings, shards, replicas, placement } });
  const { world } = cluster;
  const random = world.random.fork();
  await cluster.start();
  let isMoving = moves;
  const wander = (): void => {
    if (!isMoving) return;
    placement?.wander(cluster, shards, random);
    world.schedule(500, wander);
  };
  wander();
  const loads = Array.from({ length: 6 }, (_, at) => new OwnKeyWorkload(cluster, `own${at}`, random.fork()));
  for (let count = 0; count < faultCount; count++) {
    await world.run(random.integer(0, 2_000));
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
