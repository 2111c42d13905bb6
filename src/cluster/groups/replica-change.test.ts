import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Configuration,
  type ConfigurationChange,
  changeConfiguration,
  emptyConfiguration,
  isJoint,
  membersOf,
  type ReplicaId,
} from "../../raft/index.ts";
import { generationOf, nodeOf, replicaOf } from "../replica/replica-id.ts";
import { type ChangeView, nextStep, type ReplicaWish, wishOf } from "./replica-change.ts";

const three: Configuration = { ...emptyConfiguration, voters: [1, 2, 3] };
const next = replicaOf(3, 1);
const afterNext = replicaOf(3, 2);
const wish: ReplicaWish = { from: 3, node: 3 };

interface Seen {
  readonly configuration?: Configuration;
  readonly self?: ReplicaId;
  readonly lost?: readonly ReplicaId[];
  /** Who has acknowledged what. */
  readonly matches?: Readonly<Record<number, number>>;
  readonly silent?: readonly ReplicaId[];
}

function view({ configuration = three, self = 1, lost = [], matches = {}, silent = [] }: Seen): ChangeView {
  return {
    self,
    configuration,
    lastIndex: 5_000,
    progress: membersOf(configuration).map((id) => ({
      id,
      matchIndex: matches[id] ?? 0,
      isRecentlyActive: !silent.includes(id),
    })),
    isLost: (id) => lost.some((upTo) => nodeOf(upTo) === nodeOf(id) && id <= upTo),
    lagEntriesMax: 100,
  };
}

const learning: Configuration = { ...three, learners: [next], highestReplica: next };
const joint: Configuration = {
  ...learning,
  learners: [],
  voters: [1, 2, next],
  votersOutgoing: [1, 2, 3],
  autoLeave: true,
};
const swapped: Configuration = { ...emptyConfiguration, voters: [1, 2, next], highestReplica: next };

test.for([
  { name: "the new replica is added first, as a learner", seen: { lost: [3] }, step: { kind: "add", to: next } },
  {
    name: "one of a generation that was never given",
    seen: { lost: [3], configuration: { ...three, highestReplica: next } },
    step: { kind: "add", to: afterNext },
  },
  {
    name: "it is waited for, until it lacks little",
    seen: { configuration: learning, matches: { [next]: 4_899 } },
    step: { kind: "wait", to: next, matchIndex: 4_899, lastIndex: 5_000 },
  },
  {
    name: "and answers",
    seen: { configuration: learning, matches: { [next]: 5_000 }, silent: [next] },
    step: { kind: "wait" },
  },
  {
    name: "then the two change places in one joint change [M-3]",
    seen: { configuration: learning, matches: { [next]: 4_900 } },
    step: {
      kind: "swap",
      change: { transition: "implicit", changes: [{ action: "addVoter" }, { action: "remove", replica: 3 }] },
    },
  },
  { name: "which ends by itself", seen: { configuration: joint }, step: { kind: "leave", change: undefined } },
  {
    name: "or is ended",
    seen: { configuration: { ...joint, autoLeave: false } },
    step: { kind: "leave", change: { transition: "auto", changes: [] } },
  },
  { name: "and that is all", seen: { configuration: swapped }, step: { kind: "done" } },
  {
    name: "a learner that is lost as well is dropped",
    seen: { configuration: learning, lost: [next], matches: { [next]: 5_000 } },
    step: { kind: "drop", replica: next },
  },
  {
    name: "a learner is dropped where the one before is well after all",
    seen: { configuration: learning, matches: { 3: 1 } },
    step: { kind: "drop", replica: next },
  },
  {
    name: "but not where it only was, and says that it is lost",
    seen: { configuration: learning, matches: { 3: 1 }, lost: [3] },
    step: { kind: "wait" },
  },
  {
    name: "a leader does not make itself anew",
    seen: { configuration: learning, self: 3, matches: { [next]: 5_000 } },
    step: { kind: "drop", replica: next },
  },
])("$name", ({ seen, step }) => {
  expect(nextStep(view(seen), wish)).toMatchObject(step);
});

test("a replica moves to another node the same way; if it leads, another one leads first [M-3, M-5]", () => {
  const move = { from: 3, node: 4 };
  const there = replicaOf(4, 1);
  expect(nextStep(view({}), move)).toMatchObject({ kind: "add", to: there });
  const configuration = { ...three, learners: [there], highestReplica: there };
  const matches = { 3: 5_000, [there]: 5_000 };
  expect(nextStep(view({ configuration, matches }), move)).toMatchObject({ kind: "swap", to: there });
  expect(nextStep(view({ configuration, matches, self: 3 }), move)).toEqual({ kind: "handOver", nodes: [] });
});

test("nobody has a wish while all are well; then the one that was begun comes first, and one at a time", () => {
  expect(wishOf(view({}))).toBeUndefined();
  expect(wishOf(view({ lost: [2, 3] }))).toEqual({ from: 2, node: 2 });
  expect(wishOf(view({ lost: [1, 3] }))).toEqual(wish);
  expect(wishOf(view({ lost: [1] }))).toBeUndefined();
  expect(wishOf(view({ lost: [2], configuration: learning }))).toEqual(wish);
  // A node that has gone in the middle of it holds up no other.
  expect(wishOf(view({ lost: [2], configuration: learning, silent: [3, next] }))).toEqual({ from: 2, node: 2 });
  expect(wishOf(view({ configuration: learning, silent: [3, next] }))).toEqual(wish);
  expect(wishOf(view({ lost: [2, next], configuration: learning, silent: [3, next] }))).toEqual(wish);
  // What was said of a replica that has gone concerns nobody.
  expect(wishOf(view({ lost: [3], configuration: swapped }))).toBeUndefined();
});

function after(configuration: Configuration, change: ConfigurationChange): Configuration {
  const result = changeConfiguration(configuration, change);
  if ("error" in result) throw new Error(result.error);
  return result.configuration;
}

test("from any point, with any leader, damage again and again: it ends, on new ids only, never short of a voter [C-4, M-3]", () => {
  const event = fc.record({
    lost: fc.subarray([1, 2, 3, 4, 5]),
    leader: fc.nat({ max: 4 }),
    learnerIsLost: fc.boolean(),
    isBehind: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 25 }), (events) => {
      let configuration: Configuration = { ...emptyConfiguration, voters: [1, 2, 3, 4, 5] };
      const given = new Set<ReplicaId>(configuration.voters);
      const step = (lost: readonly ReplicaId[], leader: number, isBehind: boolean): boolean => {
        const well = configuration.voters.filter((id) => !lost.includes(id));
        const self = well[leader % Math.max(1, well.length)];
        if (self === undefined) return false;
        const matches = Object.fromEntries(configuration.learners.map((id) => [id, isBehind ? 1 : 5_000]));
        const seen = view({ configuration, self, lost, matches, silent: lost });
        const wanted = wishOf(seen);
        const found = wanted === undefined ? undefined : nextStep(seen, wanted);
        if (found === undefined || found.kind === "done") return false;
        if (found.kind === "add") {
          expect(given.has(found.to)).toBe(false);
          given.add(found.to);
        }
        const change =
          found.kind === "leave"
            ? { transition: "auto" as const, changes: [] }
            : "change" in found
              ? found.change
              : undefined;
        if (change === undefined) return false;
        configuration = after(configuration, change);
        expect(configuration.voters.length).toBe(5);
        expect(new Set(configuration.voters.map(nodeOf)).size).toBe(5);
        expect(configuration.learners.length).toBeLessThanOrEqual(1);
        return true;
      };
      const lostNow = (nodes: readonly number[]): ReplicaId[] =>
        configuration.voters.filter((id) => nodes.includes(nodeOf(id)));
      for (const { lost, leader, learnerIsLost, isBehind } of events) {
        step([...lostNow(lost), ...(learnerIsLost ? configuration.learners : [])], leader, isBehind);
      }
      const [first] = lostNow([3]);
      for (let count = 0; count < 20 && step(first === undefined ? [] : [first], 0, false); count++);
      expect(isJoint(configuration)).toBe(false);
      expect(configuration.learners).toEqual([]);
      if (first !== undefined) expect(configuration.voters).not.toContain(first);
      expect(configuration.voters.every((id) => generationOf(id) <= generationOf(configuration.highestReplica))).toBe(
        true,
      );
    }),
    { numRuns: 200 },
  );
});
