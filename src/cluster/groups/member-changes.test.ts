import { expect, test } from "vitest";
import { silentLogger } from "../../platform/index.ts";
import { type ConfigurationChange, emptyConfiguration } from "../../raft/index.ts";
import { SimulatedWorld } from "../../simulation/index.ts";
import type { Replica } from "../replica/replica.ts";
import { replicaOf } from "../replica/replica-id.ts";
import { bestSuccessor } from "../replica/succession.ts";
import { MemberChanges } from "./member-changes.ts";

interface Seen {
  /** Nodes whose disk is slow beside the others', or full. */
  readonly slow?: readonly number[];
  readonly full?: readonly number[];
  /** Followers that lack too much to lead at once. */
  readonly behind?: readonly number[];
}

/** Node 1 leads replicas on nodes 1 to 4 and is the one to go: to whom it hands over, if it does. */
function successor({ slow = [], full = [], behind = [] }: Seen): number | undefined {
  const follows = { isLearner: false, kind: "replicate", isRecentlyActive: true };
  const progress = [1, 2, 3, 4].map((id) => ({ id, ...follows, matchIndex: behind.includes(id) ? 900 : 1_000 }));
  const configuration = { ...emptyConfiguration, voters: [1, 2, 3, 4] };
  const replica = {
    isLeading: true,
    core: { id: 1, configuration, lastIndex: 1_000, status: () => ({ configuration, progress, lastIndex: 1_000 }) },
    handOverTarget: undefined as number | undefined,
    proposeMembers: () => undefined,
    handOver: (isFit: (nodeId: number) => boolean) => {
      replica.handOverTarget = bestSuccessor(progress as unknown as Parameters<typeof bestSuccessor>[0], 1, isFit);
    },
  };
  const wish = { voters: [2, 3, 4], learners: [] };
  const changes = new MemberChanges({
    clock: new SimulatedWorld({ seed: 1 }).machine("n1").start().clock,
    logger: silentLogger,
    replica: () => replica as unknown as Replica,
    nameOf: String,
    wish: () => wish,
    disks: { isPeerFull: (id) => full.includes(id), isPeerSlow: (id) => slow.includes(id) },
    areMembersKnown: () => true,
  });
  for (let tick = 0; tick < 10; tick++) changes.tick();
  return replica.handOverTarget;
}

test.for([
  { name: "anybody who stays, where all are well", seen: {}, to: 2 },
  { name: "not to who is slow", seen: { slow: [2] }, to: 3 },
  { name: "nor to who is full", seen: { full: [2, 3] }, to: 4 },
  { name: "rather to who is slow than to who is full", seen: { slow: [3], full: [2, 4] }, to: 3 },
  { name: "to who follows closely, be it slow", seen: { slow: [4], behind: [2, 3] }, to: 4 },
  { name: "to who is slow where all are", seen: { slow: [2, 3, 4] }, to: 2 },
  { name: "to somebody where all are full", seen: { full: [2, 3, 4] }, to: 2 },
  { name: "to who is well where nobody follows closely", seen: { slow: [2], behind: [2, 3, 4] }, to: 3 },
])("a leader that is to go hands over $name [M-5, H-7]", ({ seen, to }) => {
  expect(successor(seen)).toBe(to);
});

test("what a node says of a replica that was lost before leaves one lost that it said of later ones [D-3]", () => {
  const ids = [1, 2, replicaOf(3, 2)];
  const configuration = { ...emptyConfiguration, voters: ids, highestReplica: replicaOf(3, 2) };
  const progress = ids.map((id) => ({
    id,
    isLearner: false,
    kind: "replicate",
    isRecentlyActive: true,
    matchIndex: 9,
  }));
  const proposed: ConfigurationChange[] = [];
  const replica = {
    isLeading: true,
    core: { id: 1, configuration, lastIndex: 9, status: () => ({ configuration, progress, lastIndex: 9 }) },
    proposeMembers: (change: ConfigurationChange) => void proposed.push(change),
  };
  const { clock } = new SimulatedWorld({ seed: 1 }).machine("n1").start();
  const changes = new MemberChanges({
    clock,
    logger: silentLogger,
    replica: () => replica as unknown as Replica,
    nameOf: String,
    wish: () => undefined,
    disks: { isPeerFull: () => false, isPeerSlow: () => false },
    areMembersKnown: () => true,
  });

  changes.lost(replicaOf(3, 2));
  changes.lost(replicaOf(3, 1));
  for (let tick = 0; tick < 10; tick++) changes.tick();

  expect(proposed[0]?.changes).toMatchObject([{ replica: replicaOf(3, 3) }]);
});
