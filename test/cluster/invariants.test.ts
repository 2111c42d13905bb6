/** A replica that finds one of its invariants broken stops, and nothing else does. */
import { expect, test, vi } from "vitest";
import { directoryGroup } from "../../src/cluster/replica/shard-group.ts";
import { Log } from "../../src/log/index.ts";
import type { HardState } from "../../src/raft/index.ts";
import type { Replica } from "../../src/raft/replica.ts";
import { plantedFaults } from "../raft/planted-faults.ts";
import { okReply } from "./client.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

/** Done to the replica that takes the next message. */
const planted = vi.hoisted((): { at: number; plant: ((replica: Replica) => void) | undefined } => ({
  at: 0,
  plant: undefined,
}));

vi.mock("../../src/raft/step.ts", async (importOriginal) => {
  const original = await importOriginal<typeof import("../../src/raft/step.ts")>();
  const step: typeof original.step = (replica, message) => {
    const refusal = original.step(replica, message);
    if (replica.id !== planted.at) return refusal;
    const { plant } = planted;
    planted.plant = undefined;
    plant?.(replica);
    return refusal;
  };
  return { ...original, step };
});

async function started(): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster();
  await cluster.start();
  await write(cluster, await cluster.untilLeader());
  await cluster.untilEqual();
  return cluster;
}

async function write(cluster: SimulatedCluster, name: string): Promise<void> {
  const client = cluster.client(name);
  client.send("SET", "k", "v");
  await cluster.until(() => client.isAnswered, "a reply");
  expect(client.replies).toEqual([okReply]);
}

/** That `victim` has stopped for `invariant` and says so, and that nobody else has. */
function expectStopped(cluster: SimulatedCluster, victim: string, invariant: string): void {
  const reason = expect.stringMatching(new RegExp(`^an invariant is broken, ${invariant}: .*\\d`));
  for (const name of cluster.names) {
    const isVictim = name === victim;
    const stoppedBecause = isVictim ? reason : null;
    const brokenInvariant = isVictim ? invariant : null;
    expect(cluster.status(name)).toMatchObject({ stoppedBecause, brokenInvariant });
    expect(cluster.status(name).role === "stopped").toBe(isVictim);
  }
  expect(cluster.node(victim).info().shards).toMatchObject([{ stoppedBecause: reason, brokenInvariant: invariant }]);
  expect(cluster.eventsOf("a replica has stopped")).toMatchObject([
    { node: victim, level: "error", fields: { invariant } },
  ]);
  expect(cluster.exits).toEqual([]);
  expect(cluster.crashes).toEqual([]);
}

test.for(plantedFaults)(
  "a replica on which $name ($invariant) stops and tells why; its node and the others go on [I-2] [I-3] [I-4] [I-8] [I-9] [I-10] [I-11] [I-13] [I-14] [I-17] [H-8]",
  async ({ invariant, role, plant }) => {
    const cluster = await started();
    const leader = await cluster.untilLeader();
    const victim = role === "leader" ? leader : (cluster.followers[0] as string);
    const other = cluster.names.find((name) => name !== victim) as string;
    const files = cluster.world.machine(victim).disk;
    planted.at = cluster.names.indexOf(victim) + 1;
    planted.plant = plant;
    const client = cluster.client(leader);
    client.send("SET", "k", "w");
    await cluster.until(() => cluster.status(victim).role === "stopped", "a stop");
    const usedBytes = files.usedBytes;
    await cluster.until(() => cluster.leader !== undefined && cluster.leader !== victim, "another leader");
    await write(cluster, other);
    expectStopped(cluster, victim, invariant);
    // Nothing was taken from its files.
    expect(files.usedBytes).toBe(usedBytes);
    await cluster.close();
  },
);

test.for([
  { invariant: "I-12", what: "lost entries that are committed", changes: { commit: 1_000 } },
  { invariant: "I-12", what: "lost its term", changes: { term: 0, vote: undefined } },
])("a node that comes back having $what starts without its replica [I-12]", async ({ invariant, changes }) => {
  const cluster = await started();
  const victim = cluster.followers[0] as string;
  cluster.kill(victim);
  const group = Log.prototype.group;
  const damaged = vi.spyOn(Log.prototype, "group").mockImplementation(function (this: Log, id) {
    const found = group.call(this, id);
    // The directory's replica is sound.
    if (id === directoryGroup) return found;
    const hardState: HardState = { ...found.hardState, ...changes };
    return Object.defineProperty(found, "hardState", { value: hardState, configurable: true });
  });
  try {
    await cluster.world.until(cluster.startNode(victim));
  } finally {
    damaged.mockRestore();
  }
  await write(cluster, await cluster.untilLeader());
  expectStopped(cluster, victim, invariant);
  await cluster.close();
});
