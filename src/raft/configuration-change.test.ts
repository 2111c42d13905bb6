import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Configuration,
  emptyConfiguration,
  highestReplicaOf,
  membersOf,
  type SingleChange,
} from "./configuration.ts";
import {
  type ChangeResult,
  changeConfiguration,
  changeSimply,
  enterJoint,
  leaveJoint,
} from "./configuration-change.ts";
import { voteResult } from "./quorum.ts";

/** "v4 l2 r3": make 4 a voter, 2 a learner, remove 3. */
function changes(text: string): SingleChange[] {
  const actions: Record<string, SingleChange["action"]> = { v: "addVoter", l: "addLearner", r: "remove", u: "update" };
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => ({ action: actions[word[0]!]!, replica: Number(word.slice(1)) }));
}

function text(configuration: Configuration): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  const parts = [`(${voters.join(" ")})`];
  if (votersOutgoing.length > 0) parts.push(`&(${votersOutgoing.join(" ")})`);
  if (learners.length > 0) parts.push(` learners=(${learners.join(" ")})`);
  if (learnersNext.length > 0) parts.push(` next=(${learnersNext.join(" ")})`);
  if (autoLeave) parts.push(" auto");
  return parts.join("");
}

function show(result: ChangeResult): string {
  return "error" in result ? result.error : text(result.configuration);
}

function after(result: ChangeResult): Configuration {
  if ("error" in result) throw new Error(result.error);
  return result.configuration;
}

const three: Configuration = { ...emptyConfiguration, voters: [1, 2, 3] };
const threeAndLearner: Configuration = { ...three, learners: [4] };

test.for([
  { from: emptyConfiguration, change: "v1", to: "(1)" },
  { from: emptyConfiguration, change: "l1", to: "removed all voters" },
  { from: emptyConfiguration, change: "v1 l2", to: "(1) learners=(2)" },
  { from: three, change: "v4", to: "(1 2 3 4)" },
  { from: three, change: "v3", to: "(1 2 3)" },
  { from: three, change: "r3", to: "(1 2)" },
  { from: three, change: "r9", to: "(1 2 3)" },
  { from: three, change: "u2", to: "(1 2 3)" },
  { from: three, change: "v0", to: "(1 2 3)" },
  { from: three, change: "l4 l5", to: "(1 2 3) learners=(4 5)" },
  { from: three, change: "l3", to: "(1 2) learners=(3)" },
  { from: three, change: "r3 v3", to: "(1 2 3)" },
  { from: threeAndLearner, change: "v4", to: "(1 2 3 4)" },
  { from: threeAndLearner, change: "r4", to: "(1 2 3)" },
  { from: threeAndLearner, change: "v4 l3", to: "more than one voter changed without entering joint config" },
  { from: three, change: "v4 v5", to: "more than one voter changed without entering joint config" },
  { from: three, change: "r1 v4", to: "more than one voter changed without entering joint config" },
  { from: { ...three, voters: [1] }, change: "r1", to: "removed all voters" },
])("a simple change of one voter at most: $change gives $to", ({ from, change, to }) => {
  expect(show(changeSimply(from, changes(change)))).toBe(to);
});

test.for([
  { from: three, change: "", to: "(1 2 3)&(1 2 3)" },
  { from: three, change: "r1 v4", to: "(2 3 4)&(1 2 3)" },
  { from: three, change: "v4 v5", to: "(1 2 3 4 5)&(1 2 3)" },
  { from: three, change: "l4", to: "(1 2 3)&(1 2 3) learners=(4)" },
  { from: three, change: "l3", to: "(1 2)&(1 2 3) next=(3)" },
  { from: three, change: "l3 v3", to: "(1 2 3)&(1 2 3)" },
  { from: three, change: "r1 r2 r3", to: "removed all voters" },
  { from: threeAndLearner, change: "v4 l3", to: "(1 2 4)&(1 2 3) next=(3)" },
  { from: emptyConfiguration, change: "v1", to: "can't make a zero-voter config joint" },
])("into a joint configuration: $change gives $to", ({ from, change, to }) => {
  expect(show(enterJoint(from, changes(change), false))).toBe(to);
});

test("a demoted voter stays a voter of the outgoing half until the joint configuration ends [M-9]", () => {
  const joint = after(enterJoint(three, changes("l3 v4"), true));
  expect(text(joint)).toBe("(1 2 4)&(1 2 3) next=(3) auto");
  expect(show(leaveJoint(joint))).toBe("(1 2 4) learners=(3)");
});

test("a joint configuration is left before the next change", () => {
  const joint = after(enterJoint(three, changes("v4"), false));
  expect(show(enterJoint(joint, changes("v5"), false))).toBe("config is already joint");
  expect(show(changeSimply(joint, changes("v5")))).toBe("can't apply simple config change in joint config");
  expect(show(leaveJoint(three))).toBe("can't leave a non-joint config");
});

test.for([
  { transition: "auto", change: "v4", to: "(1 2 3 4)" },
  { transition: "auto", change: "v4 v5", to: "(1 2 3 4 5)&(1 2 3) auto" },
  { transition: "implicit", change: "v4", to: "(1 2 3 4)&(1 2 3) auto" },
  { transition: "explicit", change: "v4", to: "(1 2 3 4)&(1 2 3)" },
  { transition: "explicit", change: "", to: "(1 2 3)&(1 2 3)" },
  { transition: "auto", change: "", to: "can't leave a non-joint config" },
] as const)("the transition $transition with [$change] gives $to", ({ transition, change, to }) => {
  expect(show(changeConfiguration(three, { transition, changes: changes(change) }))).toBe(to);
});

test("a replica that is removed and added again in one change is told apart from one that stayed", () => {
  const result = changeSimply(threeAndLearner, changes("r4 l4 r3 v3"));
  expect("renewed" in result && [...result.renewed]).toEqual([4, 3]);
  const joint = enterJoint(threeAndLearner, changes("r4 v4 r3 v3"), false);
  // 3 is a voter of the outgoing half all the time.
  expect("renewed" in joint && [...joint.renewed]).toEqual([4]);
});

const someChanges = fc.array(
  fc.record({
    action: fc.constantFrom<SingleChange["action"]>("addVoter", "addLearner", "remove", "update"),
    replica: fc.integer({ min: 1, max: 6 }),
  }),
  { maxLength: 4 },
);
const someTransition = fc.constantFrom("auto" as const, "implicit" as const, "explicit" as const);

test("quorums of a configuration and of the one before it always meet, and nobody is voter and learner [I-14]", () => {
  const everybody = [1, 2, 3, 4, 5, 6];
  const subsets = Array.from({ length: 64 }, (_, bits) => everybody.filter((id) => (bits >> (id - 1)) & 1));
  const quorums = ({ voters, votersOutgoing }: Configuration): number[][] =>
    subsets.filter(
      (set) =>
        voteResult({ incoming: voters, outgoing: votersOutgoing }, new Map(set.map((id) => [id, true]))) === "won",
    );
  fc.assert(
    fc.property(fc.array(fc.record({ transition: someTransition, changes: someChanges }), { maxLength: 5 }), (all) => {
      let configuration = three;
      for (const change of all) {
        const result = changeConfiguration(configuration, change);
        if ("error" in result) continue;
        const next = result.configuration;
        const { voters, votersOutgoing, learners, learnersNext } = next;
        expect(voters.length).toBeGreaterThan(0);
        expect(learners.some((id) => voters.includes(id) || votersOutgoing.includes(id))).toBe(false);
        expect(learnersNext.every((id) => votersOutgoing.includes(id) && !voters.includes(id))).toBe(true);
        const before = quorums(configuration);
        for (const one of quorums(next)) {
          expect(before.every((other) => other.some((id) => one.includes(id)))).toBe(true);
        }
        configuration = next;
      }
    }),
    { numRuns: 60 },
  );
});

test("a configuration remembers the highest id that there ever was, whoever has gone [C-4]", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ transition: someTransition, changes: someChanges }), { maxLength: 8 }), (all) => {
      let configuration = three;
      let highest = 3;
      for (const change of all) {
        const result = changeConfiguration(configuration, change);
        if ("error" in result) continue;
        configuration = result.configuration;
        // Also who was added and removed again by one change.
        const added = change.changes.filter(({ action }) => action === "addVoter" || action === "addLearner");
        highest = Math.max(highest, ...membersOf(configuration), ...added.map(({ replica }) => replica));
        expect(highestReplicaOf(configuration)).toBe(highest);
        expect(configuration.highestReplica).toBe(highest);
      }
    }),
    { numRuns: 60 },
  );
});
