import { expect, test } from "vitest";
import { emptyConfiguration, type ReplicaId } from "../raft/index.ts";
import { type NodeSurvey, planRecovery, RecoveryRefusedError, type SurveyedReplica } from "./recovery-plan.ts";
import { generationOf, nodeOf, replicaOf } from "./replica-id.ts";

const group = 1;

function configuration(voters: readonly ReplicaId[], rest: Partial<typeof emptyConfiguration> = {}) {
  return { ...emptyConfiguration, voters, highestReplica: Math.max(...voters), ...rest };
}

const three = { index: 0, configuration: configuration([1, 2, 3]) };

function replica(id: ReplicaId, changes: Partial<SurveyedReplica> = {}): SurveyedReplica {
  const log = { term: 4, commitIndex: 10, lastIndex: 12, lastTerm: 4, configurations: [three] };
  return { group, replica: id, isDamaged: false, ...log, ...changes };
}

function survey(nodeId: number, ...replicas: readonly SurveyedReplica[]): NodeSurvey {
  return { clusterId: "c", nodeId, shardCount: 1, replicas };
}

/** Of the one shard, with one replica on each node. */
function fate(...replicas: readonly SurveyedReplica[]) {
  return planRecovery(replicas.map((each) => survey(nodeOf(each.replica), each))).groups[group];
}

test("a group that has its majority is not touched", () => {
  expect(fate(replica(1), replica(3))).toEqual({ kind: "whole", group });
  expect(fate(replica(1), replica(2, { isDamaged: true }), replica(3))).toEqual({ kind: "whole", group });
});

test("half of the voters are no majority", () => {
  const four = { configurations: [{ index: 0, configuration: configuration([1, 2, 3, 4]) }] };
  expect(fate(replica(1, four), replica(2, four))).toMatchObject({ kind: "recovered", lostVoters: [3, 4] });
  expect(fate(replica(1, four), replica(2, four), replica(4, four))).toEqual({ kind: "whole", group });
});

test("a group in which nothing has happened yet is whole as well", () => {
  const fresh = { term: 0, commitIndex: 0, lastIndex: 0, lastTerm: 0 };
  expect(fate(replica(1, fresh), replica(2, fresh))).toEqual({ kind: "whole", group });
  expect(fate(replica(1, fresh))).toEqual({ kind: "lost", group });
});

test("nodes that left the group before are not missed", () => {
  const moved = [{ index: 9, configuration: configuration([2, 4, 5]) }];
  const behind = replica(2, { commitIndex: 3, lastIndex: 8, configurations: [three] });
  const plan = planRecovery([survey(2, behind), survey(4, replica(4, { configurations: moved }))]);
  expect(plan.lostNodes).toEqual([5]);
  expect(plan.groups[group]).toEqual({ kind: "whole", group });
});

test("one replica carries on alone, behind its log's end and above all terms and ids", () => {
  const plan = planRecovery([survey(2, replica(2, { term: 9 }))]);
  expect(plan).toMatchObject({ clusterId: "c", lostNodes: [1, 3] });
  const [directory, shard] = plan.groups;
  expect(directory).toEqual({ kind: "lost", group: 0 });
  expect(shard).toEqual({
    kind: "recovered",
    group,
    replica: 2,
    successor: replicaOf(2, 65_536),
    index: 13,
    term: 10,
    lostVoters: [1, 3],
    lostEntries: undefined,
    doubtfulCount: 2,
  });
});

test("the last entry of the highest term counts, then the longer log, whether a voter's or a learner's", () => {
  const five = [{ index: 0, configuration: configuration([1, 2, 3, 4, 5]) }];
  const lasts = (id: ReplicaId, lastTerm: number, lastIndex: number) =>
    replica(id, { lastTerm, lastIndex, configurations: five });
  expect(fate(lasts(1, 4, 20), lasts(2, 5, 11))).toMatchObject({ replica: 2, index: 12 });
  expect(fate(lasts(1, 5, 20), lasts(2, 5, 11))).toMatchObject({ replica: 1, index: 21 });
  const learning = [{ index: 3, configuration: configuration([1, 2, 3], { learners: [4], highestReplica: 4 }) }];
  const learner = replica(4, { lastIndex: 14, configurations: learning });
  expect(fate(replica(1, { configurations: learning }), learner)).toMatchObject({ replica: 4, lostVoters: [2, 3] });
});

test("what is known to be committed and stands in no log is said to be lost", () => {
  expect(fate(replica(1), replica(2, { isDamaged: true, commitIndex: 15 }))).toMatchObject({
    replica: 1,
    lostEntries: { first: 13, last: 15 },
    doubtfulCount: 0,
  });
});

test("both halves of a joint configuration must have a majority, and a change that may be committed yet counts", () => {
  const joint = { index: 8, configuration: configuration([1, 4, 5], { votersOutgoing: [1, 2, 3], highestReplica: 5 }) };
  const before = replica(1, { configurations: [three, joint] });
  expect(fate(before, replica(2))).toMatchObject({ kind: "recovered", lostVoters: [3, 4, 5] });
  expect(fate(before, replica(2), replica(4, { configurations: [joint] }))).toMatchObject({ kind: "whole" });
  expect(fate(before, replica(4, { configurations: [joint] }))).toMatchObject({
    kind: "recovered",
    lostVoters: [2, 3, 5],
  });
  const pending = replica(1, { configurations: [three, { ...joint, index: 11 }] });
  expect(fate(pending, replica(2))).toMatchObject({ kind: "recovered", lostVoters: [3, 4, 5] });
  // A change in a log that can win no election any more does not.
  expect(fate(pending, replica(2, { lastTerm: 5 }))).toMatchObject({ kind: "whole" });
});

test("a replica that was removed, or has nothing yet, carries nothing on [M-10]", () => {
  const moved = [{ index: 9, configuration: configuration([2, 3, 4]) }];
  const gone = replica(1, { lastIndex: 40 });
  expect(fate(gone, replica(2, { configurations: moved }))).toMatchObject({ replica: 2, index: 13 });
  expect(fate(replica(4, { lastIndex: 0, commitIndex: 0, configurations: [] }))).toEqual({ kind: "lost", group });
  expect(fate(replica(1, { isDamaged: true }))).toEqual({ kind: "lost", group });
});

test("the new id is above every one that any log or node has heard of [C-4]", () => {
  const high = replicaOf(3, 7);
  const added = [{ index: 5, configuration: configuration([1, 2, 3], { highestReplica: high }) }];
  const found = fate(replica(2, { configurations: added }));
  expect(found).toMatchObject({ successor: replicaOf(2, 7 + 65_536) });
  expect(found?.kind === "recovered" && generationOf(found.successor)).toBeGreaterThan(generationOf(high));
});

test.for<{ what: string; surveys: readonly NodeSurvey[] }>([
  { what: "nothing", surveys: [] },
  { what: "several clusters", surveys: [survey(1), { ...survey(2), clusterId: "d" }] },
  { what: "several shapes", surveys: [survey(1), { ...survey(2), shardCount: 2 }] },
  { what: "a node twice", surveys: [survey(1, replica(1)), survey(1, replica(1))] },
])("of $what nothing is planned", ({ surveys }) => {
  expect(() => planRecovery(surveys)).toThrow(RecoveryRefusedError);
});
