import { expect, test } from "vitest";
import { emptyConfiguration, type ReplicaId } from "../../raft/index.ts";
import { SeededRandom } from "../../simulation/index.ts";
import { generationOf, nodeOf, replicaOf } from "../replica/replica-id.ts";
import { fenceOf, isRecoveryNeeded, planRecovery, RecoveryRefusedError } from "./recovery-plan.ts";
import type { NodeSurvey, SurveyedReplica } from "./recovery-survey.ts";

const group = 1;

function configuration(voters: readonly ReplicaId[], rest: Partial<typeof emptyConfiguration> = {}) {
  return { ...emptyConfiguration, voters, highestReplica: Math.max(...voters), ...rest };
}

const three = { index: 0, configuration: configuration([1, 2, 3]) };

function replica(id: ReplicaId, changes: Partial<SurveyedReplica> = {}): SurveyedReplica {
  const log = { term: 4, commitIndex: 10, lastIndex: 12, lastTerm: 4, configurations: [three] };
  return { group, replica: id, hasGone: false, damage: undefined, keyCount: 7, ...log, ...changes };
}

function survey(nodeId: number, ...replicas: readonly SurveyedReplica[]): NodeSurvey {
  const own = { nodeId, name: `n${nodeId}`, directoryId: "d", incarnation: "", bootCounter: 1, directory: undefined };
  return { clusterId: "c", shardCount: 1, members: [], groups: replicas, ...own };
}

const damaged = { damage: "its log is damaged" };

/** Of the one shard, with one replica on each node. */
function fate(...replicas: readonly SurveyedReplica[]) {
  return planRecovery(replicas.map((each) => survey(nodeOf(each.replica), each))).groups[group];
}

test("a group that has its majority is not touched", () => {
  expect(fate(replica(1), replica(3))).toEqual({ kind: "whole", group });
  expect(fate(replica(1), replica(2, damaged), replica(3))).toEqual({ kind: "whole", group });
});

test("half of the voters are no majority", () => {
  const four = { configurations: [{ index: 0, configuration: configuration([1, 2, 3, 4]) }] };
  expect(fate(replica(1, four), replica(2, four))).toMatchObject({ kind: "recovered", lostVoters: [3, 4] });
  expect(fate(replica(1, four), replica(2, four), replica(4, four))).toEqual({ kind: "whole", group });
});

test("a group in which nothing has happened yet is whole as well", () => {
  const fresh = { term: 0, commitIndex: 0, lastIndex: 0, lastTerm: 0 };
  expect(fate(replica(1, fresh), replica(2, fresh))).toEqual({ kind: "whole", group });
  expect(fate(replica(1, fresh))).toMatchObject({ kind: "emptied", group, node: 1, index: 1, term: 1 });
});

test("nodes that left the group before are not missed", () => {
  const moved = [{ index: 9, configuration: configuration([2, 4, 5]) }];
  const behind = replica(2, { commitIndex: 3, lastIndex: 8, configurations: [three] });
  const plan = planRecovery([survey(2, behind), survey(4, replica(4, { configurations: moved }))]);
  expect(plan.lostNodes).toEqual([{ id: 5, name: "node 5", state: "active" }]);
  expect(plan.groups[group]).toEqual({ kind: "whole", group });
});

test("one replica carries on alone, behind its log's end and above all terms and ids", () => {
  const plan = planRecovery([survey(2, replica(2, { term: 9 }))]);
  expect(plan).toMatchObject({ clusterId: "c", lostNodes: [{ id: 1 }, { id: 3 }] });
  const [directory, shard] = plan.groups;
  expect(directory).toMatchObject({ kind: "emptied", group: 0, node: 2, successor: replicaOf(2, 65_536) });
  expect(shard).toEqual({
    kind: "recovered",
    group,
    node: 2,
    replica: 2,
    keyCount: 7,
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
  expect(fate(lasts(1, 4, 20), lasts(2, 5, 11))).toMatchObject({ replica: 2, index: 21 });
  expect(fate(lasts(1, 5, 20), lasts(2, 5, 11))).toMatchObject({ replica: 1, index: 21 });
  const learning = [{ index: 3, configuration: configuration([1, 2, 3], { learners: [4], highestReplica: 4 }) }];
  const learner = replica(4, { lastIndex: 14, configurations: learning });
  expect(fate(replica(1, { configurations: learning }), learner)).toMatchObject({ replica: 4, lostVoters: [2, 3] });
});

test("what is known to be committed and stands in no log is said to be lost", () => {
  expect(fate(replica(1), replica(2, { ...damaged, commitIndex: 15 }))).toMatchObject({
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
  expect(fate(gone, replica(2, { configurations: moved }))).toMatchObject({ replica: 2, index: 41 });
  expect(fate(replica(4, { lastIndex: 0, commitIndex: 0, configurations: [] }))).toMatchObject({ kind: "emptied" });
  expect(fate(replica(1, damaged))).toMatchObject({ kind: "emptied" });
});

test("the new id is above every one that any log or node has heard of [C-4]", () => {
  const high = replicaOf(3, 7);
  const added = [{ index: 5, configuration: configuration([1, 2, 3], { highestReplica: high }) }];
  const found = fate(replica(2, { configurations: added }));
  expect(found).toMatchObject({ successor: replicaOf(2, 7 + 65_536) });
  expect(found?.kind === "recovered" && generationOf(found.successor)).toBeGreaterThan(generationOf(high));
});

test("where a report knows of more than any log, the new beginning is behind and above that as well", () => {
  const reports = [{ configurationIndex: 900, highestReplica: replicaOf(3, 20) }];
  const directory = { epoch: 4, nextNodeId: 4, nodes: [], reports };
  const plan = planRecovery([{ ...survey(1, replica(1)), directory }]);
  expect(plan.groups[group]).toMatchObject({ index: 901, successor: replicaOf(1, 20 + 65_536) });
});

test("what is left of groups of which there is nothing is spread over the nodes, and fenced off below its new beginning", () => {
  const plan = planRecovery([2, 5, 7].map((nodeId) => ({ ...survey(nodeId), shardCount: 5 })));
  const nodes = plan.groups.map((each) => each.kind === "emptied" && each.node);
  expect(nodes).toEqual([2, 5, 7, 2, 5, 7]);
  for (const each of plan.groups) {
    if (each.kind === "whole") throw new Error("nothing is whole");
    for (const node of [1, 5, 65_535]) {
      expect(fenceOf(each, node)).toBeLessThan(each.successor);
      expect(nodeOf(fenceOf(each, node))).toBe(node);
      expect(generationOf(fenceOf(each, node))).toBeGreaterThan(60_000);
    }
  }
});

test("a plan has the same name whoever makes it, and another one once a directory has been used", () => {
  const [one, other] = [survey(1, replica(1)), survey(2, replica(2, { lastIndex: 13 }))];
  const { id, nodes, lostNodes } = planRecovery([one, other]);
  expect(id).toMatch(/^[0-9a-f]{12}$/);
  expect([nodes, lostNodes].map((each) => each.map((node) => node.id))).toEqual([[1, 2], [3]]);
  expect(planRecovery([other, one]).id).toBe(id);
  expect(planRecovery([one, { ...other, bootCounter: 2 }]).id).not.toBe(id);
});

test("nothing needs to be recovered where every group has its majority", () => {
  const both = [survey(1, replica(1), { ...replica(1), group: 0 }), survey(2, replica(2), { ...replica(2), group: 0 })];
  expect(isRecoveryNeeded(planRecovery(both))).toBe(false);
  expect(isRecoveryNeeded(planRecovery(both.slice(0, 1)))).toBe(true);
});

test.for<{ what: string; surveys: readonly NodeSurvey[] }>([
  { what: "nothing", surveys: [] },
  { what: "several clusters", surveys: [survey(1), { ...survey(2), clusterId: "d" }] },
  { what: "several shapes", surveys: [survey(1), { ...survey(2), shardCount: 2 }] },
  { what: "a node twice", surveys: [survey(1, replica(1)), survey(1, replica(1))] },
  {
    what: "a node that was removed",
    surveys: [survey(1), { ...survey(2), members: [{ id: 1, name: "n1", state: "removed", directoryId: undefined }] }],
  },
])("of $what nothing is planned", ({ surveys }) => {
  expect(() => planRecovery(surveys)).toThrow(RecoveryRefusedError);
});

interface ModelNode {
  /** The term of each entry. */
  log: number[];
  commit: number;
  term: number;
}

/** Five voters that elect, append, replicate and commit as Raft does, one step after the other as they are drawn. */
function drawnLogs(random: SeededRandom): readonly ModelNode[] {
  const nodes: ModelNode[] = Array.from({ length: 5 }, () => ({ log: [], commit: 0, term: 0 }));
  let leader: { readonly at: number; readonly matches: number[] } | undefined;
  const at = (place: number): ModelNode => nodes[place] as ModelNode;
  for (let step = 0; step < 120; step++) {
    const place = random.integer(0, 4);
    const kind = random.integer(0, 9);
    if (leader === undefined || kind === 0) {
      const voters = [0, 1, 2, 3, 4].filter((each) => each === place || random.integer(0, 2) > 0);
      const term = Math.max(...voters.map((each) => at(each).term)) + 1;
      const last = (each: number): readonly [number, number] => [at(each).log.at(-1) ?? 0, at(each).log.length];
      const isBehind = voters.some((each) => {
        const [[ownTerm, ownLength], [otherTerm, otherLength]] = [last(place), last(each)];
        return otherTerm > ownTerm || (otherTerm === ownTerm && otherLength > ownLength);
      });
      if (voters.length < 3 || isBehind) continue;
      for (const each of voters) at(each).term = term;
      at(place).log.push(term);
      leader = { at: place, matches: nodes.map((_, each) => (each === place ? at(place).log.length : 0)) };
      continue;
    }
    const own = at(leader.at);
    if (kind < 4) own.log.push(own.term);
    else if (place !== leader.at && at(place).term <= own.term) {
      const length = random.integer(0, own.log.length);
      const follower = at(place);
      follower.term = own.term;
      const isPrefix = own.log.slice(0, length).every((term, index) => follower.log[index] === term);
      if (!isPrefix) follower.log = own.log.slice(0, length);
      leader.matches[place] = Math.max(leader.matches[place] ?? 0, length);
      follower.commit = Math.max(follower.commit, Math.min(own.commit, length));
    }
    leader.matches[leader.at] = own.log.length;
    const majority = leader.matches.toSorted((left, right) => right - left)[2] ?? 0;
    if (own.log[majority - 1] === own.term) own.commit = Math.max(own.commit, majority);
  }
  return nodes;
}

test("the log that counts has every entry that any of those who are left knows to be committed [I-6]", () => {
  const five = [{ index: 0, configuration: configuration([1, 2, 3, 4, 5]) }];
  let recoveredCount = 0;
  let choiceCount = 0;
  for (let seed = 1; seed <= 400; seed++) {
    const random = new SeededRandom(seed);
    const nodes = drawnLogs(random);
    const left = [0, 1, 2, 3, 4].filter(() => random.integer(0, 1) === 0).slice(0, 2);
    if (left.length === 0) continue;
    const found = fate(
      ...left.map((place) => {
        const { log, commit, term } = nodes[place] as ModelNode;
        const last = { lastIndex: log.length, lastTerm: log.at(-1) ?? 0 };
        return replica(place + 1, { term, commitIndex: commit, ...last, configurations: five });
      }),
    );
    if (found?.kind !== "recovered") continue;
    recoveredCount++;
    const chosen = nodes[found.replica - 1] as ModelNode;
    for (const place of left) {
      const { log, commit, term } = nodes[place] as ModelNode;
      if (place !== found.replica - 1 && commit > 0) choiceCount++;
      expect(chosen.log.slice(0, commit), `seed ${seed}`).toEqual(log.slice(0, commit));
      expect(found.index).toBeGreaterThan(log.length);
      expect(found.term).toBeGreaterThan(Math.max(term, ...log));
    }
    expect(found.lostEntries).toBeUndefined();
  }
  expect([recoveredCount > 200, choiceCount > 100]).toEqual([true, true]);
});
