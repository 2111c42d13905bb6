import type { LoadResult, LoadTarget, SlotSpan } from "../load/job.ts";
import { runLoad } from "../load/run-load.ts";
import { figure, type Gate, type SuiteReport, type Table } from "../report.ts";
import { median } from "../statistics.ts";
import type { Bench, Suite } from "../suite.ts";
import { ledSlots, startBalanced } from "../systems/balanced.ts";
import type { CoterieSystem } from "../systems/coterie.ts";

/** More groups must not cost more syncs. */
const ratioMin = 0.9;
const shardCounts = [1, 16, 64] as const;

const cases = [
  { operation: "set", clients: 50, pipeline: 1 },
  { operation: "set", clients: 256, pipeline: 1 },
  { operation: "set", clients: 50, pipeline: 16 },
  { operation: "get", clients: 50, pipeline: 1 },
  { operation: "get", clients: 50, pipeline: 16 },
] as const;
type Case = (typeof cases)[number];

/** `cluster`: each connection asks a node for keys that it leads; `plain`: any node for any key, which forwards most of them. */
type Door = "cluster" | "plain";

interface Row {
  readonly case: Case;
  readonly shards: number;
  readonly door: Door;
  readonly rounds: LoadResult[];
}

export const shardingSuite: Suite = {
  name: "sharding",
  summary:
    "SET and GET on the cluster port with 1, 16 and 64 shards, and what forwarding on the plain port costs beside it",
  run: async (bench) => {
    const systems = new Map<number, CoterieSystem>();
    try {
      for (const shards of shardCounts) {
        bench.progress(`starting and filling: ${shards} shards`);
        const system = await startBalanced(bench.premises, shards);
        systems.set(shards, system);
        const { targets } = system;
        await runLoad({ protocol: "resp", operation: "fill", targets, connections: 8, pipeline: 100 });
      }
      return report(await measureAll(bench, systems));
    } finally {
      await Promise.all([...systems.values()].map((system) => system.stop()));
    }
  },
};

/** Rounds are interleaved (1 16 64, then 16 64 1, …), all clusters running all the time. */
async function measureAll(bench: Bench, systems: ReadonlyMap<number, CoterieSystem>): Promise<readonly Row[]> {
  const rows = cases.flatMap((each) =>
    (["cluster", "plain"] as const).flatMap((door) =>
      shardCounts.map((shards): Row => ({ case: each, shards, door, rounds: [] })),
    ),
  );
  for (let round = 0; round < bench.options.rounds; round++) {
    for (let at = 0; at < rows.length; at += shardCounts.length) {
      for (let turn = 0; turn < shardCounts.length; turn++) {
        const row = rows[at + ((turn + round) % shardCounts.length)]!;
        bench.progress(`round ${round + 1} of ${bench.options.rounds}: ${nameOf(row)}`);
        row.rounds.push(await measure(bench, row, systems.get(row.shards)!));
      }
    }
  }
  return rows;
}

async function measure(bench: Bench, row: Row, system: CoterieSystem): Promise<LoadResult> {
  const before = await ledSlots(system);
  const leading = system.nodes.flatMap(({ clusterTarget }, at) => {
    const slots = before[at] ?? [];
    return slots.length > 0 ? [{ target: clusterTarget, slots }] : [];
  });
  const load: { readonly targets: readonly LoadTarget[]; readonly targetSlots?: readonly (readonly SlotSpan[])[] } =
    row.door === "plain"
      ? { targets: system.targets }
      : { targets: leading.map(({ target }) => target), targetSlots: leading.map(({ slots }) => slots) };
  const result = await runLoad({
    protocol: "resp",
    operation: row.case.operation,
    connections: row.case.clients,
    pipeline: row.case.pipeline,
    ...load,
    warmUpMs: bench.options.warmUpMs,
    measureMs: bench.options.measureMs,
    serverPids: system.pids,
  });
  if (JSON.stringify(await ledSlots(system)) !== JSON.stringify(before)) throw new Error("a shard changed its leader");
  return result;
}

function report(rows: readonly Row[]): SuiteReport {
  const medianOf = (row: Row, pick: (result: LoadResult) => number): number => median(row.rounds.map(pick));
  const find = ({ case: of, door, shards }: Pick<Row, "case" | "door" | "shards">): Row =>
    rows.find((row) => row.case === of && row.door === door && row.shards === shards)!;
  const busiest = (row: Row): number => medianOf(row, (result) => result.busiestServerCpuUsPerOperation);
  const throughput = (row: Row): number => medianOf(row, (result) => result.operationsPerSecond);
  const gates = cases
    .filter(({ operation }) => operation === "set")
    .flatMap((each) =>
      shardCounts.slice(1).map((shards): Gate => {
        const own = find({ case: each, door: "cluster", shards });
        const one = find({ case: each, door: "cluster", shards: 1 });
        const ratio = throughput(own) / throughput(one);
        const ownCore = busiest(one) / busiest(own);
        const forwarded = throughput(find({ case: each, door: "plain", shards })) / throughput(own);
        return {
          name: `${caseName(each)}, ${shards} shards`,
          against: "one shard",
          measure: "throughput",
          promise: `≥ ${ratioMin} ×`,
          measured: ratio,
          shown: `${ratio.toFixed(2)} ×`,
          verdict: ratio >= ratioMin ? "pass" : "MISS",
          beside: `by the busiest node's CPU time ${ownCore.toFixed(2)} ×; plain port, clients spread: ${forwarded.toFixed(2)} × of the cluster port`,
        };
      }),
    );
  const table: Table = {
    title: "Medians of all rounds",
    columns: [
      "load",
      "shards",
      "port",
      "ops/s",
      "p50 ms",
      "p99 ms",
      "servers' µs/op",
      "busiest node's",
      "servers' cores",
      "others' cores",
    ],
    rows: rows.map((row) => [
      caseName(row.case),
      String(row.shards),
      row.door,
      figure(throughput(row)),
      figure(medianOf(row, (result) => result.latencyMsP50)),
      figure(medianOf(row, (result) => result.latencyMsP99)),
      figure(medianOf(row, (result) => result.serverCpuUsPerOperation)),
      figure(medianOf(row, (result) => result.busiestServerCpuUsPerOperation)),
      figure(medianOf(row, (result) => result.serverCores)),
      medianOf(row, (result) => result.otherCores).toFixed(2),
    ]),
  };
  const notes = [
    "Three nodes a cluster, all three clusters running all the time; others' cores include the two that are idle.",
    "cluster port: a connection to one node, which is asked for keys of the shards that it leads alone, as cluster clients do. plain port: connections to all nodes, each asked for any key.",
    "The busiest node's CPU time an operation is what limits a cluster whose nodes have a core each; here three clusters of three share what there is.",
    "With one shard all connections of the cluster port go to one node.",
  ];
  return {
    gates,
    tables: [table],
    notes,
    data: rows.map(({ case: of, shards, door, rounds }) => ({ case: of, shards, door, rounds })),
  };
}

function caseName({ operation, clients, pipeline }: Case): string {
  return `${operation.toUpperCase()}, ${clients} connections, pipeline ${pipeline}`;
}

function nameOf(row: Row): string {
  return `${caseName(row.case)}, ${row.shards} shards, ${row.door} port`;
}
