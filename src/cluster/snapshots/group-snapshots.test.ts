import { expect, test } from "vitest";
import { logWith, NotedLinks, newWorld, streamOf } from "../../../test/cluster/snapshot-fixture.ts";
import { silentLogger } from "../../platform/index.ts";
import type { Replica } from "../replica/replica.ts";
import { bestSuccessor } from "../replica/succession.ts";
import { nodeDefaults } from "../settings.ts";
import { GroupSnapshots } from "./group-snapshots.ts";
import { SnapshotBudget } from "./snapshot-budget.ts";

interface Seen {
  /** Nodes whose disk is slow beside the others', or full. */
  readonly slow?: readonly number[];
  readonly full?: readonly number[];
}

/** Node 1 leads replicas on nodes 1 to 4, and cannot read its snapshot: to whom it hands over. */
async function successor({ slow = [], full = [] }: Seen): Promise<number | undefined> {
  const { clock } = newWorld().machine("n1").start();
  const follows = { isLearner: false, kind: "replicate", isRecentlyActive: true, matchIndex: 9 };
  const progress = [1, 2, 3, 4].map((id) => ({ id, ...follows }));
  const replica = {
    handOverTarget: undefined as number | undefined,
    handOver: (isFit: (nodeId: number) => boolean) => {
      replica.handOverTarget = bestSuccessor(progress as unknown as Parameters<typeof bestSuccessor>[0], 1, isFit);
    },
  };
  const connections = new NotedLinks();
  const snapshots = new GroupSnapshots({
    group: 1,
    log: await logWith(clock, streamOf(1)),
    clock,
    logger: silentLogger,
    settings: nodeDefaults,
    links: () => connections.links,
    budget: new SnapshotBudget(clock, nodeDefaults),
    space: { isPeerFull: (id) => full.includes(id) },
    disks: { isPeerFull: (id) => full.includes(id), isPeerSlow: (id) => slow.includes(id) },
    onOutput: () => {},
  });
  snapshots.begin(replica as unknown as Replica);
  snapshots.unreadable();
  return replica.handOverTarget;
}

test.for([
  { name: "anybody, where all are well", seen: {}, to: 2 },
  { name: "who is not slow", seen: { slow: [2] }, to: 3 },
  { name: "who is not full", seen: { full: [2, 3] }, to: 4 },
  { name: "who is slow rather than who is full", seen: { slow: [3], full: [2, 4] }, to: 3 },
  { name: "somebody where all are full", seen: { full: [2, 3, 4] }, to: 2 },
])("a leader whose snapshot cannot be read hands over to $name [N-7, H-7]", async ({ seen, to }) => {
  expect(await successor(seen)).toBe(to);
});
