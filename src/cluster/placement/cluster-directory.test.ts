/** Nodes that come and go, from the directory's side: replicas move where they are wished, and nobody loses anything. */
import { expect, test } from "vitest";
import { SimulatedCluster, type SimulatedClusterOptions } from "../../../test/cluster/simulated-cluster.ts";
import { type DirectoryRequest, type DirectoryState, nodesOfShard, textOfState } from "../../directory/index.ts";
import { type MarkName, watchMarks } from "../../platform/index.ts";

async function started(size: number, node: SimulatedClusterOptions["node"] = {}): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster({ size, node: { shards: 4, replicas: 3, ...node } });
  await cluster.start();
  await cluster.untilAllLed();
  return cluster;
}

function change(cluster: SimulatedCluster, name: string, request: DirectoryRequest): Promise<DirectoryState> {
  return cluster.world.until(cluster.node(name).changeDirectory(request));
}

async function untilSame(cluster: SimulatedCluster): Promise<void> {
  const isSame = (): boolean => {
    const texts = [...cluster.nodes.values()].map((node) => textOfState(node.directoryState));
    return texts.every((text) => text === texts[0]);
  };
  await cluster.until(isSame, "equal directories");
}

/** Writes a counter under a key of each of many slots, and waits for the replies. */
async function write(cluster: SimulatedCluster, name: string, round: number): Promise<void> {
  const client = cluster.client(name);
  for (let key = 0; key < 40; key++) client.send("SET", `key${key}`, `${round}`);
  await cluster.until(() => client.isAnswered, "replies");
  expect(new Set(client.replies)).toEqual(new Set(["+OK\r\n"]));
}

async function expectRound(cluster: SimulatedCluster, name: string, round: number): Promise<void> {
  const client = cluster.client(name);
  for (let key = 0; key < 40; key++) client.send("GET", `key${key}`);
  await cluster.until(() => client.isAnswered, "replies");
  expect(new Set(client.replies)).toEqual(new Set([`$${`${round}`.length}\r\n${round}\r\n`]));
}

test("a change asked for at any node, also one that only learns, is known to all", async () => {
  const cluster = await started(4);
  for (const [at, name] of cluster.names.entries()) {
    const state = await change(cluster, name, { kind: "set", movesPerNodeMax: at + 5 });
    expect(state.settings.movesPerNodeMax).toBe(at + 5);
  }
  await untilSame(cluster);
  expect(cluster.node("n1").directoryState.epoch).toBe(4);
  // It stays known, and goes on, after a restart of everything.
  for (const name of cluster.names) cluster.kill(name);
  await cluster.start();
  await cluster.until(() => cluster.node("n4").directoryState.epoch === 4, "what was known");
  await untilSame(cluster);
  await cluster.close();
});

test("a node that drains gives all its replicas away, and its data with them [M-10, B-2]", async () => {
  const cluster = await started(5);
  await write(cluster, "n1", 1);
  await change(cluster, "n2", { kind: "drain", node: 1, isForced: false });
  const isDrained = (): boolean => cluster.node("n3").directoryState.nodes[0]?.state === "drained";
  await cluster.until(isDrained, "a drained node", 120_000);
  const { shards } = cluster.node("n3").directoryState;
  expect(shards.flatMap(nodesOfShard)).not.toContain(1);
  expect(shards.every(({ report }) => report.voters.length === 3 && report.learners.length === 0)).toBe(true);
  await cluster.until(() => cluster.node("n1").hostedShards.length === 0, "nothing hosted");
  await write(cluster, "n1", 2);
  await expectRound(cluster, "n5", 2);
  await cluster.close();
});

/** The name of the node that leads the directory. */
function directoryLeader(cluster: SimulatedCluster): string {
  const leaders = [...cluster.nodes].filter(([, node]) => node.directoryReplica?.core.role === "leader");
  const termOf = (name: string): number => cluster.node(name).directoryReplica?.core.term ?? 0;
  const [newest] = leaders.map(([name]) => name).toSorted((left, right) => termOf(right) - termOf(left));
  return newest ?? "";
}

/** Whether all shards are at rest with three replicas each, none of them on `node`. */
function isFreeOf(node: number, { shards }: DirectoryState): boolean {
  return shards.every((shard) => {
    const { voters, learners } = shard.report;
    return voters.length === 3 && learners.length === 0 && !nodesOfShard(shard).includes(node);
  });
}

test("a node that is away for too long loses its replicas to others, and comes back without them [M-10, B-3]", async () => {
  const cluster = await started(5);
  await write(cluster, "n1", 1);
  await change(cluster, "n1", { kind: "set", replaceAfterMs: 20_000 });
  const had = cluster.node("n2").hostedShards;
  expect(had.length).toBeGreaterThan(0);
  cluster.kill("n2");
  // Not before its time.
  await cluster.world.run(15_000);
  expect(cluster.node("n1").directoryState.shards.flatMap(nodesOfShard)).toContain(2);
  await cluster.until(() => isFreeOf(2, cluster.node("n1").directoryState), "replicas elsewhere", 60_000);
  await write(cluster, "n4", 2);
  await cluster.world.until(cluster.startNode("n2"));
  const areOldGone = (): boolean =>
    cluster
      .node("n2")
      .nodeStatus()
      .groups.every(({ replica }) => replica > 65_536);
  await cluster.until(areOldGone, "the end of its old replicas");
  await expectRound(cluster, "n2", 2);
  await cluster.world.run(5_000);
  await untilSame(cluster);
  expect(cluster.digests(4).every((digests) => digests.length === 1)).toBe(true);
  await cluster.close();
});

test("a node that only the directory's leader does not hear keeps its replicas, however long; one that nobody hears loses them", async () => {
  const cluster = await started(5);
  await change(cluster, "n1", { kind: "set", replaceAfterMs: 20_000 });
  // All nodes have told what there is to know of them.
  await cluster.world.run(5_000);
  const leader = directoryLeader(cluster);
  const cut = cluster.names.findLast((name) => name !== leader) as string;
  const { nodeId, groups } = cluster.node(cut).nodeStatus();
  expect(groups.length).toBeGreaterThan(0);
  const holdsStill = (): boolean => cluster.node(leader).directoryState.shards.flatMap(nodesOfShard).includes(nodeId);
  const { epoch } = cluster.node(leader).directoryState;
  cluster.world.network.cut({ from: leader, to: cut });
  cluster.world.network.cut({ from: cut, to: leader });
  await cluster.world.run(120_000);
  expect(directoryLeader(cluster)).toBe(leader);
  const view = (await cluster.world.until(cluster.node(leader).status())).nodes.find((node) => node.nodeId === nodeId);
  expect(view?.lastContactMs).toBeGreaterThan(110_000);
  // It is told to whom asks any node that hears the leader.
  const other = cluster.names.find((name) => name !== leader && name !== cut) as string;
  const { warnings } = await cluster.world.until(cluster.node(other).status());
  expect(warnings).toEqual([expect.stringMatching(`^${leader}, which leads the directory, does not hear ${cut}; n`)]);
  expect(cluster.node(leader).directoryState.epoch).toBe(epoch);
  // Once it is gone for all it takes as long as ever.
  cluster.kill(cut);
  await cluster.world.run(20_000);
  expect(holdsStill()).toBe(true);
  await cluster.until(() => isFreeOf(nodeId, cluster.node(leader).directoryState), "replicas elsewhere", 40_000);
  await cluster.close();
});

interface CrashCase {
  readonly who: "who leads the directory" | "everybody";
  readonly point: MarkName;
}

const crashCases: readonly CrashCase[] = [
  { who: "who leads the directory", point: "a replica is added where it is wished" },
  { who: "who leads the directory", point: "a replica gets its vote where it is wished" },
  { who: "who leads the directory", point: "a leader that is to go hands over" },
  { who: "who leads the directory", point: "a replica that has gone is destroyed" },
  { who: "everybody", point: "a replica begins" },
  { who: "everybody", point: "a replica gets its vote where it is wished" },
];

test.for(crashCases)(
  "$who crashes when $point: a node that drains gets empty all the same [B-2, B-5, M-6]",
  async (each) => {
    const cluster = await started(5, { settings: { segmentBytes: 1_048_576 } });
    await write(cluster, "n2", 1);
    await change(cluster, "n2", { kind: "drain", node: 1, isForced: false });
    let crashed = 0;
    const before = watchMarks((name) => {
      if (name !== each.point || crashed > 0) return;
      crashed++;
      cluster.world.schedule(1, () => {
        const victims = each.who === "everybody" ? cluster.names : [directoryLeader(cluster)];
        for (const victim of victims) cluster.world.machine(victim).cutPower("random");
      });
    });
    try {
      await cluster.until(() => crashed > 0, each.point, 60_000);
      await cluster.world.run(1_500);
    } finally {
      watchMarks(before);
    }
    await cluster.start();
    const isDone = (): boolean => {
      const state = cluster.node("n3").directoryState;
      return state.nodes[0]?.state === "drained" && isFreeOf(1, state) && cluster.node("n1").hostedShards.length === 0;
    };
    await cluster.until(isDone, "a drained node", 120_000);
    await expectRound(cluster, "n1", 1);
    expect(cluster.digests(4).every((digests) => digests.length === 1)).toBe(true);
    expect([cluster.crashes, cluster.exits, cluster.eventsOf("a replica has stopped")]).toEqual([[], [], []]);
    await cluster.close();
  },
);

test("a move that is taken back leaves nothing behind [B-2]", async () => {
  const cluster = await started(4, { shards: 1 });
  await write(cluster, "n1", 1);
  const [shard] = cluster.node("n1").directoryState.shards;
  const from = shard?.wish ?? [];
  const [leaver = 0] = from;
  const comer = [1, 2, 3, 4].find((node) => !from.includes(node)) ?? 0;
  // Whoever is to come is there, and takes no data: the move hangs.
  cluster.world.network.partition([[`n${comer}`], cluster.names.filter((name) => name !== `n${comer}`)]);
  const asked = `n${from[1]}`;
  const nodes = [...from.filter((node) => node !== leaver), comer].toSorted((a, b) => a - b);
  await change(cluster, asked, {
    kind: "wish",
    shard: 0,
    nodes,
    configurationIndex: shard?.report.configurationIndex ?? 0,
  });
  const learners = (): number => cluster.node(asked).directoryState.shards[0]?.report.learners.length ?? 0;
  await cluster.until(() => learners() === 1, "a learner that is reported", 20_000);
  // The planner takes it back by itself, since its target is away.
  await cluster.until(() => learners() === 0, "its end", 60_000);
  const end = cluster.node(asked).directoryState.shards[0];
  expect(end?.wish).toEqual(from);
  expect(end?.report.voters.map((replica) => replica % 65_536)).toEqual(from);
  cluster.world.network.healAll();
  await expectRound(cluster, `n${comer}`, 1);
  await cluster.close();
});
