import { expect, test } from "vitest";
import { emptyConfiguration } from "../raft/index.ts";
import type { ClusterMember } from "./cluster-member.ts";
import { ClusterWatch } from "./cluster-watch.ts";
import { SimulatedWorld } from "./world.ts";

const configuration = { ...emptyConfiguration, voters: [1, 2], highestReplica: 2 };
const firstCore = { id: 0, role: "follower", term: 1, commitIndex: 0, appliedIndex: 0, configuration };

/** A node of one shard, whose replica shows what it is told to. `terms`: of its entries, from index 1 on. */
class ShownNode {
  readonly core = { ...firstCore };
  shards: readonly number[] = [0];
  number = 1;
  readonly machine = { process: { id: 1 } };
  readonly shardCount = 1;
  readonly name: string;
  terms: readonly number[] = [];
  firstIndex = 1;
  stoppedBecause: string | undefined;
  isExcused = false;

  constructor(name: string, number: number) {
    this.name = name;
    this.number = number;
    this.core.id = number;
  }

  mayEndAs(reason: string): boolean {
    return reason === "REMOVED";
  }

  get node() {
    const { core, stoppedBecause, firstIndex, terms } = this;
    const log = { firstIndex, lastIndex: terms.length, term: (index: number): number => terms[index - 1] as number };
    const replicaOf = () => ({ core, log, stoppedBecause });
    return { shardCount: 1, hostedShards: this.shards, replicaOf, nodeStatus: () => ({ nodeId: this.number }) };
  }
}

function setting() {
  const nodes = [new ShownNode("n1", 1), new ShownNode("n2", 2)] as const;
  const violations: string[] = [];
  const members = nodes as unknown as readonly ClusterMember[];
  const watch = new ClusterWatch(new SimulatedWorld({ seed: 1 }), members, (text) => void violations.push(text));
  const look = (): readonly string[] => {
    for (const { name } of nodes) watch.look(name);
    return violations;
  };
  return { one: nodes[0], two: nodes[1], watch, look };
}

test("a leader of one turn is seen, and a second one in its term [I-1]", () => {
  const { one, two, watch, look } = setting();
  one.core.role = "leader";
  watch.look("n1");
  one.core.role = "follower";
  watch.look("n1");
  two.core.role = "leader";
  expect(look()).toEqual(["n1 and n2 both lead term 1 [I-1]"]);
  expect(watch.leaderCount).toBe(1);
});

test("an entry that was committed is the same wherever it is committed, though the first is dead by then [I-6]", () => {
  const { one, two, watch, look } = setting();
  one.terms = [1, 1, 2];
  one.core.commitIndex = 2;
  two.terms = [1, 1, 3, 3];
  two.core.commitIndex = 4;
  expect(look()).toEqual([]);
  expect(watch.comparedCount).toBe(2);
  one.core.commitIndex = 3;
  expect(look()).toEqual(["n2 committed entry 3 of term 3, and n1 one of term 2 [I-6]"]);
});

test("an entry that is committed before its log has it is compared when it has, and one that is cut off is not", () => {
  const { one, two, watch, look } = setting();
  one.terms = [1, 1, 1];
  one.core.commitIndex = 3;
  two.firstIndex = 2;
  two.terms = [1, 1];
  two.core.commitIndex = 3;
  expect(look()).toEqual([]);
  expect(watch.comparedCount).toBe(1);
  two.terms = [1, 1, 2];
  expect(look()).toEqual(["n1 committed entry 3 of term 1, and n2 one of term 2 [I-6]"]);
});

test.for([
  { name: "term", change: { term: 0 } },
  { name: "commit index", change: { commitIndex: 1 } },
  { name: "applied index", change: { appliedIndex: 1 } },
])("a $name that goes back is seen, save in another life [I-3, I-8]", ({ change }) => {
  const { one, look } = setting();
  one.terms = [1, 1];
  Object.assign(one.core, { commitIndex: 2, appliedIndex: 2 });
  look();
  one.machine.process.id = 2;
  Object.assign(one.core, { commitIndex: 1, appliedIndex: 1, term: 0 });
  expect(look()).toEqual([]);
  Object.assign(one.core, { commitIndex: 2, appliedIndex: 2, term: 1 });
  look();
  Object.assign(one.core, change);
  expect(look()[0]).toBe("n1: term, commit or applied index went back [I-3, I-8]");
});

test("what is applied and not committed is seen, and a replica that stops without an excuse", () => {
  const { one, look } = setting();
  one.core.appliedIndex = 1;
  expect(look()).toEqual(["n1: applied beyond commit [I-8]"]);
  one.stoppedBecause = "it was told to";
  expect(look().at(-1)).toBe("n1: its replica has stopped: it was told to");
  one.isExcused = true;
  expect(look()).toHaveLength(2);
});

test("a replica that is gone was a member no more, whatever its own node had applied [M-10]", () => {
  const { one, two, look } = setting();
  look();
  Object.assign(two.core, { commitIndex: 1, appliedIndex: 1, configuration: { ...configuration, voters: [2] } });
  two.terms = [1];
  look();
  one.shards = [];
  expect(look()).toEqual([]);
  two.shards = [];
  expect(look()).toEqual(["n2: its replica 2 of shard 0 is gone, and is a member [M-10]"]);
});

test("a replica that is gone behind a restart is seen too, save where its disk was damaged [M-10]", () => {
  for (const isExcused of [true, false]) {
    const { one, look } = setting();
    look();
    one.isExcused = isExcused;
    one.machine.process.id = 2;
    one.shards = [];
    expect(look()).toHaveLength(isExcused ? 0 : 1);
  }
});

test("two nodes of one number are seen [C-4]", () => {
  const { two, look } = setting();
  two.number = 1;
  expect(look()).toEqual(["n1 and n2 both have the number 1 [C-4]"]);
});

test("a node may stop because it was removed, if it was", () => {
  const { one, look } = setting();
  one.stoppedBecause = "REMOVED";
  expect(look()).toEqual([]);
});

test("a replica that was to begin when its node died is none that was lost, unless somebody has seen it", () => {
  for (const isSeen of [false, true]) {
    const { one, look } = setting();
    if (isSeen) look();
    one.stoppedBecause = "the log does not hold the replica that was last to begin here";
    expect(look()).toHaveLength(isSeen ? 1 : 0);
  }
});
