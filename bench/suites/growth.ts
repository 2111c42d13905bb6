import { CheckedClients, type Door, valueBytes } from "../growth/checked-clients.ts";
import { SimulatedNodes, type WorkCounts } from "../growth/simulated-nodes.ts";
import { figure, type Gate, type SuiteReport, type Table } from "../report.ts";
import type { Bench, Suite } from "../suite.ts";

const nodeCounts = [3, 6, 12] as const;
const doors: readonly Door[] = ["cluster", "plain"];
const shards = 64;
const replicas = 3;
const load = { clientsPerNode: 16, keysPerClient: 8, thinkMs: 20 };
/** What the busiest node does, beside the mean of all. */
const busiestMax = 1.25;
/** Counts of two random runs are not the same: more than this is growth. */
const growthMax = 1.05;
const warmUpMs = 1_000;
const idleMs = 5_000;

const kinds = ["messages", "bytes", "syncs", "applied"] as const;
type Kind = (typeof kinds)[number];
type Counts = Readonly<Record<Kind, number>>;

/** One cluster under one load. */
interface Run {
  readonly nodeCount: number;
  readonly door: Door;
  readonly acknowledged: number;
  readonly measuredMs: number;
  /** By node, in the measured time. */
  readonly counts: readonly Counts[];
}

/** One cluster without any load: by node, for a second. */
interface Idle {
  readonly nodeCount: number;
  readonly counts: readonly Omit<Counts, "applied">[];
  readonly leaders: readonly number[];
  readonly replicas: readonly number[];
}

export const growthSuite: Suite = {
  name: "growth",
  summary: "simulated clusters of 3, 6 and 12 nodes: what the busiest node does for an acknowledged write",
  run: async (bench) => {
    const runs: Run[] = [];
    const idles: Idle[] = [];
    for (const nodeCount of nodeCounts) {
      bench.progress(`growth: ${nodeCount} nodes`);
      const cluster = await SimulatedNodes.start({ seed: nodeCount, nodeCount, shards, replicas });
      idles.push(await measureIdle(cluster));
      for (const door of doors) {
        bench.progress(`growth: ${nodeCount} nodes, ${door} port`);
        runs.push(await measure(bench, cluster, door));
      }
      await cluster.close();
    }
    return report(runs, idles);
  },
};

async function measureIdle(cluster: SimulatedNodes): Promise<Idle> {
  const before = cluster.counts();
  await cluster.world.run(idleMs);
  const after = cluster.counts();
  const leaders = cluster.leaders();
  return {
    nodeCount: cluster.nodes.length,
    counts: after.map((each, at) => perSecond(each, before[at]!, idleMs)),
    leaders: cluster.nodes.map((_, at) => leaders.filter((leader) => leader === at).length),
    replicas: cluster.replicaCounts(),
  };
}

async function measure({ options }: Bench, cluster: SimulatedNodes, door: Door): Promise<Run> {
  const { world, nodes } = cluster;
  const leaders = cluster.leaders();
  const clients = new CheckedClients(cluster, { ...load, seed: nodes.length, door });
  clients.start();
  await world.run(warmUpMs);
  const before = cluster.counts();
  const appliedBefore = clients.appliedBy();
  const acknowledgedBefore = clients.acknowledged;
  await world.run(options.measureMs);
  const after = cluster.counts();
  const applied = clients.appliedBy().map((count, at) => count - appliedBefore[at]!);
  const acknowledged = clients.acknowledged - acknowledgedBefore;
  await clients.stop();
  await clients.check();
  if (cluster.leaders().some((leader, shard) => leader !== leaders[shard]))
    throw new Error("a shard changed its leader");
  const counts = after.map((each, at): Counts => {
    const { messages, bytes, syncs } = before[at]!;
    return {
      messages: each.messages - messages,
      bytes: each.bytes - bytes,
      syncs: each.syncs - syncs,
      applied: applied[at]!,
    };
  });
  return { nodeCount: nodes.length, door, acknowledged, measuredMs: options.measureMs, counts };
}

function perSecond(after: WorkCounts, before: WorkCounts, ms: number): WorkCounts {
  const of = (kind: keyof WorkCounts): number => ((after[kind] - before[kind]) * 1_000) / ms;
  return { messages: of("messages"), bytes: of("bytes"), syncs: of("syncs") };
}

function report(runs: readonly Run[], idles: readonly Idle[]): SuiteReport {
  const notes = [
    `${shards} shards of ${replicas} replicas; ${load.clientsPerNode} clients a node, each with one command under way and ${load.thinkMs} ms (mean) between a reply and the next; values of ${valueBytes} bytes are appended to keys of their own, and all replicas compared with what was acknowledged.`,
    "messages: writes to connections between nodes; bytes: in them; applied: commands. A node's share of the writes is all acknowledged writes divided by the number of nodes.",
    "cluster port: each command goes to the node that leads its shard. plain port: to the client's own node, which forwards it; what the clients send and get themselves is counted in neither.",
  ];
  return {
    gates: runs.flatMap((run) => judge(run, runs)),
    tables: [workTable(runs), idleTable(idles)],
    notes,
    data: { runs, idles },
  };
}

function judge(run: Run, runs: readonly Run[]): readonly Gate[] {
  const first = runs.find(({ door, nodeCount }) => door === run.door && nodeCount === nodeCounts[0])!;
  const name = `${run.nodeCount} nodes, ${run.door} port`;
  return kinds.flatMap((kind) => {
    const uneven = busiest(run, kind) / mean(run, kind);
    const growth = busiest(run, kind) / busiest(first, kind);
    const gate = (against: string, promise: number, measured: number): Gate => ({
      name: `${name}: ${kind}`,
      against,
      measure: "the busiest node, a write",
      promise: `≤ ${promise} ×`,
      measured,
      shown: `${measured.toFixed(2)} ×`,
      verdict: measured <= promise ? "pass" : "MISS",
      beside: `${figure(busiest(first, kind) * first.nodeCount)} to ${figure(busiest(run, kind) * run.nodeCount)} for one of its share`,
    });
    const even = gate("the mean node", busiestMax, uneven);
    return run === first ? [even] : [even, gate(`${first.nodeCount} nodes`, growthMax, growth)];
  });
}

/** What a node does for one acknowledged write of the cluster. */
function mean({ acknowledged, counts }: Run, kind: Kind): number {
  return counts.reduce((sum, each) => sum + each[kind], 0) / counts.length / acknowledged;
}

function busiest({ acknowledged, counts }: Run, kind: Kind): number {
  return Math.max(...counts.map((each) => each[kind])) / acknowledged;
}

function workTable(runs: readonly Run[]): Table {
  return {
    title: "What a node does: for an acknowledged write of the cluster, and (share) for one of its share of them",
    columns: [
      "nodes",
      "port",
      "writes/s",
      ...kinds.flatMap((kind) => [`${kind}, mean`, "busiest", "busiest/mean", "busiest, share"]),
    ],
    rows: runs.map((run) => [
      String(run.nodeCount),
      run.door,
      figure((run.acknowledged * 1_000) / run.measuredMs),
      ...kinds.flatMap((kind) => [
        figure(mean(run, kind)),
        figure(busiest(run, kind)),
        (busiest(run, kind) / mean(run, kind)).toFixed(2),
        figure(busiest(run, kind) * run.nodeCount),
      ]),
    ]),
  };
}

function idleTable(idles: readonly Idle[]): Table {
  const range = (values: readonly number[]): string => `${Math.min(...values)}–${Math.max(...values)}`;
  const middle = (values: readonly number[]): string =>
    figure(values.reduce((sum, each) => sum + each, 0) / values.length);
  return {
    title: "What a node does in a second without any load",
    columns: ["nodes", "messages", "bytes", "syncs", "shards led", "replicas"],
    rows: idles.map(({ nodeCount, counts, leaders, replicas: held }) => [
      String(nodeCount),
      middle(counts.map(({ messages }) => messages)),
      middle(counts.map(({ bytes }) => bytes)),
      middle(counts.map(({ syncs }) => syncs)),
      range(leaders),
      range(held),
    ]),
  };
}
