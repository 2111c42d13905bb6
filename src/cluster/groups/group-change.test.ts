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
import { nodeOf, replicaOf } from "../replica/replica-id.ts";
import { type GroupWish, groupStep, isFulfilled } from "./group-change.ts";
import type { ChangeView } from "./replica-change.ts";

const three: Configuration = { ...emptyConfiguration, voters: [1, 2, 3] };
const four = replicaOf(4, 1);
const learning: Configuration = { ...three, learners: [four], highestReplica: four };
const anew = replicaOf(3, 2);

interface Seen {
  readonly configuration?: Configuration;
  readonly self?: ReplicaId;
  /** Nodes that do not answer. */
  readonly dead?: readonly number[];
  /** Learners that lack too much. */
  readonly behind?: readonly ReplicaId[];
  readonly lost?: readonly ReplicaId[];
}

function view({ configuration = three, self = 1, dead = [], behind = [], lost = [] }: Seen): ChangeView {
  return {
    self,
    configuration,
    lastIndex: 5_000,
    progress: membersOf(configuration).map((id) => ({
      id,
      matchIndex: behind.includes(id) ? 7 : lost.includes(id) ? 0 : 4_950,
      isRecentlyActive: !dead.includes(nodeOf(id)) && !lost.includes(id),
    })),
    isLost: (id) => lost.includes(id),
    lagEntriesMax: 100,
  };
}

function votersOn(...voters: readonly number[]): GroupWish {
  return { voters, learners: [] };
}

interface Case {
  readonly name: string;
  readonly seen: Seen;
  readonly wish: GroupWish | undefined;
  readonly step: object;
}

const cases: readonly Case[] = [
  { name: "what is as it is wished stays", seen: {}, wish: votersOn(3, 2, 1), step: { kind: "done" } },
  { name: "without a wish nobody moves", seen: {}, wish: undefined, step: { kind: "done" } },
  { name: "who comes is a learner first", seen: {}, wish: votersOn(1, 2, 4), step: { kind: "add", to: four } },
  {
    name: "and is waited for",
    seen: { configuration: learning, behind: [four] },
    wish: votersOn(1, 2, 4),
    step: { kind: "wait", to: four, matchIndex: 7 },
  },
  {
    name: "then it takes the vote of who goes, in one joint change [M-3]",
    seen: { configuration: learning },
    wish: votersOn(1, 2, 4),
    step: {
      kind: "swap",
      change: {
        transition: "implicit",
        changes: [
          { action: "addVoter", replica: four },
          { action: "remove", replica: 3 },
        ],
      },
    },
  },
  {
    name: "of two that go, the one that does not answer goes first [B-3]",
    seen: { configuration: learning, dead: [3] },
    wish: votersOn(1, 4),
    step: { kind: "swap", change: { transition: "implicit", changes: [{ action: "addVoter" }, { replica: 3 }] } },
  },
  {
    name: "a leader that is to go hands over first, to one that stays [M-5]",
    seen: { configuration: learning, self: 3 },
    wish: votersOn(1, 2, 4),
    step: { kind: "handOver", nodes: [1, 2] },
  },
  {
    name: "but not before the one that comes has caught up",
    seen: { configuration: learning, self: 3, behind: [four] },
    wish: votersOn(1, 2, 4),
    step: { kind: "wait" },
  },
  {
    name: "a leader alone has nobody to hand over to: who comes gets a vote beside it",
    seen: { configuration: { ...learning, voters: [1] } },
    wish: votersOn(4),
    step: { kind: "swap", change: { transition: "auto", changes: [{ action: "addVoter", replica: four }] } },
  },
  {
    name: "and then it hands over",
    seen: { configuration: { ...learning, voters: [1, four], learners: [] } },
    wish: votersOn(4),
    step: { kind: "handOver", nodes: [4] },
  },
  {
    name: "one more gets a vote of its own",
    seen: { configuration: learning },
    wish: votersOn(1, 2, 3, 4),
    step: { kind: "swap", change: { transition: "auto", changes: [{ action: "addVoter", replica: four }] } },
  },
  {
    name: "one less loses its vote",
    seen: {},
    wish: votersOn(1, 2),
    step: { kind: "drop", replica: 3, change: { transition: "auto", changes: [{ action: "remove", replica: 3 }] } },
  },
  {
    name: "but not while it answers and another one does not [B-3, M-7]",
    seen: { dead: [2] },
    wish: votersOn(1, 2),
    step: { kind: "blocked" },
  },
  {
    name: "who does not answer may go",
    seen: { dead: [3] },
    wish: votersOn(1, 2),
    step: { kind: "drop", replica: 3 },
  },
  {
    name: "a voter can become a learner",
    seen: {},
    wish: { voters: [1, 2], learners: [3] },
    step: { kind: "drop", change: { transition: "auto", changes: [{ action: "addLearner", replica: 3 }] } },
  },
  {
    name: "a move whose wish was taken back is broken off [B-2]",
    seen: { configuration: learning },
    wish: votersOn(1, 2, 3),
    step: { kind: "drop", replica: four },
  },
  {
    name: "a joint configuration is left first, whatever is wished",
    seen: { configuration: { ...learning, learners: [], voters: [1, 2, four], votersOutgoing: [1, 2, 3] } },
    wish: votersOn(1, 2, 3),
    step: { kind: "leave" },
  },
  {
    name: "a lost replica is made anew before anybody moves [D-3]",
    seen: { configuration: learning, lost: [3] },
    wish: votersOn(1, 3, 4),
    step: { kind: "add", to: replicaOf(3, 2) },
  },
  {
    name: "not so one that is to go: its place is given away",
    seen: { configuration: learning, lost: [3] },
    wish: votersOn(1, 2, 4),
    step: { kind: "swap", to: four },
  },
  {
    name: "and not one whose node has gone: it holds up nobody else",
    seen: { configuration: { ...learning, learners: [four, anew], highestReplica: anew }, dead: [3], lost: [3] },
    wish: votersOn(1, 3, 4),
    step: { kind: "swap", to: four },
  },
  {
    name: "learners of a wish just are there, behind or not",
    seen: { configuration: learning, behind: [four] },
    wish: { voters: [1, 2, 3], learners: [4] },
    step: { kind: "done" },
  },
];

test.for(cases)("$name", ({ seen, wish, step }) => {
  expect(groupStep(view(seen), wish).step).toMatchObject(step);
});

function after(configuration: Configuration, change: ConfigurationChange): Configuration {
  const result = changeConfiguration(configuration, change);
  if ("error" in result) throw new Error(result.error);
  return result.configuration;
}

const nodes = [1, 2, 3, 4, 5, 6];
const wishes = fc
  .record({ voters: fc.subarray(nodes, { minLength: 1, maxLength: 5 }), rest: fc.subarray(nodes) })
  .map(({ voters, rest }) => ({ voters, learners: rest.filter((node) => !voters.includes(node)) }));

function hasMajority(ids: readonly ReplicaId[], dead: readonly number[]): boolean {
  return 2 * ids.filter((id) => !dead.includes(nodeOf(id))).length > ids.length || ids.length === 0;
}

/** A group under a leader that is chosen anew for each look. */
class Model {
  configuration: Configuration = three;
  readonly given: Set<ReplicaId> = new Set(three.voters);
  /** The one to which it was handed over. */
  successor: ReplicaId | undefined;

  /** False if nothing was to be done, or nobody leads. */
  look(wish: GroupWish, { dead, leader, isBehind, lost }: Event): boolean {
    const { configuration } = this;
    const isLost = (id: ReplicaId): boolean => lost.includes(id) && configuration.voters.includes(id);
    const down = [...dead, ...configuration.voters.filter(isLost).map(nodeOf)];
    const { voters, votersOutgoing } = configuration;
    if (!hasMajority(voters, down) || !hasMajority(votersOutgoing, down)) return false;
    const live = voters.filter((id) => !down.includes(nodeOf(id)));
    const self = live.find((id) => id === this.successor) ?? (live[leader % live.length] as ReplicaId);
    this.successor = undefined;
    const behind = isBehind ? configuration.learners : [];
    const seen = view({ configuration, self, dead, behind, lost: configuration.voters.filter(isLost) });
    const { step } = groupStep(seen, wish);
    if (step.kind === "handOver") {
      const others = live.filter((id) => id !== self);
      this.successor = others.find((id) => step.nodes.includes(nodeOf(id))) ?? others[0];
      return this.successor !== undefined;
    }
    if (step.kind === "add") {
      expect(this.given.has(step.to)).toBe(false);
      this.given.add(step.to);
    }
    const change =
      step.kind === "leave" ? { transition: "auto" as const, changes: [] } : "change" in step ? step.change : undefined;
    if (change === undefined) return false;
    this.#apply(change, self, down);
    return true;
  }

  #apply(change: ConfigurationChange, self: ReplicaId, down: readonly number[]): void {
    const before = this.configuration;
    const next = after(before, change);
    const live = (ids: readonly ReplicaId[]): number => ids.filter((id) => !down.includes(nodeOf(id))).length;
    const complain = (isRight: boolean, what: string): void => {
      if (!isRight) throw new Error(`${what}: ${JSON.stringify({ before, change, next, down })}`);
    };
    complain(new Set(next.voters.map(nodeOf)).size === next.voters.length, "two voters on a node");
    complain(next.voters.includes(self), "the leader goes");
    // What the core would refuse is not proposed.
    complain(hasMajority(next.voters, down) && hasMajority(next.votersOutgoing, down), "no live majority");
    const isShrinking = next.voters.length < before.voters.length && live(next.voters) === next.voters.length;
    complain(isShrinking || live(next.voters) >= live(before.voters), "fewer live voters");
    this.configuration = next;
  }
}

interface Event {
  readonly dead: readonly number[];
  readonly leader: number;
  readonly isBehind: boolean;
  readonly lost: readonly ReplicaId[];
}

const events: fc.Arbitrary<Event> = fc.record({
  dead: fc.subarray(nodes, { maxLength: 2 }),
  leader: fc.nat({ max: 4 }),
  isBehind: fc.boolean(),
  lost: fc.subarray([1, 2, 3, four], { maxLength: 1 }),
});

test("from whatever there is, through crashes and wishes taken back, every wish is reached, and no step leaves fewer live voters [B-2, B-3, M-5, M-7]", () => {
  const history = fc.array(fc.record({ wish: wishes, events: fc.array(events, { maxLength: 12 }) }), { minLength: 1 });
  fc.assert(
    fc.property(history, (steps) => {
      const model = new Model();
      for (const { wish, events: seen } of steps) for (const event of seen) model.look(wish, event);
      const wish = steps.at(-1)?.wish ?? votersOn(1);
      const quiet: Event = { dead: [], leader: 0, isBehind: false, lost: [] };
      for (let count = 0; count < 100 && model.look(wish, { ...quiet, leader: count }); count++);
      expect(isJoint(model.configuration)).toBe(false);
      expect(isFulfilled(view({ configuration: model.configuration }), wish)).toBe(true);
    }),
    { numRuns: 150 },
  );
});

test("a wish that keeps a live majority is reached while others stay dead", () => {
  const place = fc.record({
    dead: fc.constantFrom(...nodes),
    keep: fc.subarray(nodes, { minLength: 3, maxLength: 5 }),
  });
  fc.assert(
    fc.property(place, ({ dead, keep }) => {
      const wish = votersOn(...keep.filter((node) => node !== dead));
      const model = new Model();
      const event: Event = { dead: [dead], leader: 0, isBehind: false, lost: [] };
      for (let count = 0; count < 100 && model.look(wish, { ...event, leader: count }); count++);
      expect(isFulfilled(view({ configuration: model.configuration }), wish)).toBe(true);
    }),
  );
});
