/**
 * The planner in a world of its own: shards carry out wishes step by step and say so late, nodes vanish, come back and join,
 * people drain and remove, and a second planner decides on old states. The checks can see a planted fault: each has one.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ClusterView, NodeView } from "./cluster-view.ts";
import { decideAll } from "./decide.ts";
import type { DirectoryState, ShardReport } from "./directory-state.ts";
import { directoryMembers } from "./directory-voters.ts";
import { genesis } from "./genesis.ts";
import type { PlannedGoal } from "./planned-goal.ts";
import { planStep } from "./planner.ts";
import type { DirectoryRequest } from "./request.ts";
import { nodeOfReplica, voterNodesOf } from "./shard-report.ts";
import { targetOf } from "./target.ts";
import { type DirectoryRecord, withRecords } from "./with-records.ts";

const replaceAfterMs = 60_000;
const tickMs = 10_000;

/** What is wrong in the world, on purpose, so that a check is seen to find it. */
interface Faults {
  /** The planner believes that everybody answers. */
  readonly isViewBlind?: boolean;
  /** A change counts whatever the directory's epoch is. */
  readonly isEpochIgnored?: boolean;
  /** Whoever is away has been so for no time at all, for ever. */
  readonly isAgeless?: boolean;
  /** Whoever is away for a moment counts as lost. */
  readonly isHasty?: boolean;
}

/** The truth about one shard, that its leader alone knows. */
interface Group {
  voters: readonly number[];
  learner: number | undefined;
  index: number;
  highest: number;
}

interface Proposal {
  readonly epoch: number;
  readonly records: readonly DirectoryRecord[];
}

class World {
  constructor(size: number, shardCount: number, faults: Faults = {}) {
    const names = Array.from({ length: size }, (_, at) => `n${at + 1}`);
    const begin = genesis({ names, shardCount, replicas: 3 });
    this.state = decideAll(begin, [{ kind: "set", replaceAfterMs, movesPerNodeMax: 2 }]).state;
    this.#groups = begin.shards.map(({ report }) => ({
      voters: report.voters,
      learner: undefined,
      index: 0,
      highest: report.highestReplica,
    }));
    this.#directoryVoters = directoryMembers(this.state).voters;
    this.#faults = faults;
  }

  state: DirectoryState;

  crash(id: number): void {
    // One third of the nodes at most is away at once, or nothing would be left to be checked.
    if (this.#away.size < this.#present().length / 3) this.#away.set(id, this.#away.get(id) ?? 0);
  }

  restart(id: number): void {
    this.#away.delete(id);
  }

  tick(): void {
    for (const [id, ms] of this.#away) this.#away.set(id, ms + tickMs);
    this.#directoryVoters = directoryMembers(this.state, this.#view()).voters;
  }

  ask(request: DirectoryRequest): void {
    this.#put(decideAll(this.state, [request]), this.state.epoch);
  }

  join(): void {
    if (this.#present().length >= 7) return;
    const directoryId = this.state.nextNodeId.toString(16).padStart(32, "0");
    this.ask({ kind: "join", name: `n${this.state.nextNodeId}`, directoryId });
  }

  remove(id: number): void {
    const heard = new Set(this.#present().filter((other) => !this.#away.has(other)));
    this.ask({ kind: "remove", node: id, heard, isForced: false });
  }

  /** The planner looks, and its change counts at once. */
  look(): void {
    const { step, requests } = this.#planned();
    this.#goal = step.goal;
    for (const request of requests) this.#checkBeginning(request);
    const decided = decideAll(this.state, requests);
    for (const { refusal } of decided.refused) throw new Error(`the planner's own change was refused: ${refusal}`);
    this.#put(decided, this.state.epoch);
  }

  /** The planner looks, and its change is long on its way. */
  lookLate(): void {
    const decided = decideAll(this.state, this.#planned().requests);
    this.#late.push({ epoch: this.state.epoch, records: decided.records });
  }

  arriveLate(): void {
    const proposal = this.#late.shift();
    if (proposal !== undefined) this.#put(proposal, proposal.epoch);
  }

  /** A shard's leader does the next thing towards its wish, if it has a majority. */
  work(number: number): void {
    const group = this.#groups[number] as Group;
    const live = group.voters.filter((id) => !this.#away.has(nodeOfReplica(id)));
    if (live.length <= group.voters.length / 2) return;
    const before = live.length;
    if (!this.#step(group, this.state.shards[number]?.wish ?? [])) return;
    group.index += 1;
    const nodes = group.voters.map(nodeOfReplica);
    check(new Set(nodes).size === nodes.length, "two replicas of a shard are on one node [B-3]");
    const left = nodes.filter((id) => !this.#away.has(id)).length;
    const isFewerWished = nodes.length < 3 || nodes.length > (this.state.shards[number]?.wish.length ?? 0);
    check(left >= before || isFewerWished || left > nodes.length / 2, "a step took the shard's majority [B-3]");
  }

  /** It says who keeps it, be it in the midst of a move: else nobody would learn of one that cannot go on. */
  say(number: number): void {
    const { voters, learner, index, highest } = this.#groups[number] as Group;
    const learners = learner === undefined ? [] : [learner];
    const report: ShardReport = { configurationIndex: index, voters, learners, highestReplica: highest };
    this.ask({ kind: "report", shard: number, report });
  }

  /** Everybody is there again, and all goes on until nothing is left to do. */
  settle(): void {
    this.#away.clear();
    this.settleWithout();
    const nodes = this.state.nodes.filter(({ state }) => state === "active");
    const left = targetOf(this.state, nodes)?.moves ?? [];
    check(left.length === 0, `it rests, and ${left.length} moves are left: ${JSON.stringify(left[0])}`);
    for (const { name, state, isDecommissioned } of this.state.nodes) {
      check(state !== "draining" && state !== "joining", `${name} is ${state} for ever`);
      check(!(state === "drained" && isDecommissioned), `${name} was decommissioned, and is not removed`);
    }
  }

  /** Whoever is away now never comes back. */
  settleWithout(): void {
    let quiet = 0;
    for (let round = 0; round < 1_500 && quiet < 10; round++) {
      const { epoch } = this.state;
      this.tick();
      while (this.#late.length > 0) this.arriveLate();
      this.look();
      for (const { shard } of this.state.shards) {
        this.work(shard);
        this.say(shard);
      }
      quiet = this.state.epoch === epoch ? quiet + 1 : 0;
    }
    check(quiet === 10, "the planner does not come to an end");
    const isLive = (id: number): boolean => !this.#away.has(id);
    const takers = this.state.nodes.filter(({ id, state }) => state === "active" && isLive(id));
    for (const { shard, report, wish } of this.state.shards) {
      const voters = voterNodesOf(report);
      if (voters.filter(isLive).length <= voters.length / 2) continue;
      check(String(voters) === String(wish), `a move of shard ${shard} never ends`);
      const isTakable = takers.some(({ id }) => !wish.includes(id));
      check(wish.every(isLive) || !isTakable, `shard ${shard} keeps a replica that is lost`);
    }
  }

  readonly #faults: Faults;
  readonly #groups: readonly Group[];
  /** Who is away, and for how long. */
  readonly #away: Map<number, number> = new Map();
  readonly #late: Proposal[] = [];
  #directoryVoters: readonly number[];
  #goal: PlannedGoal | undefined;

  #present(): readonly number[] {
    return this.state.nodes.filter((node) => node.state !== "removed").map(({ id }) => id);
  }

  #view(): ClusterView {
    const nodes = this.state.nodes.map(({ id }): [number, NodeView] => {
      const ms = this.#faults.isViewBlind === true ? undefined : this.#away.get(id);
      const { isHasty, isAgeless } = this.#faults;
      const absentMs = ms === undefined || isAgeless === true ? 0 : isHasty === true ? replaceAfterMs : ms;
      return [id, { isHeard: ms === undefined, absentMs, hasDirectory: true }];
    });
    return { nodes: new Map(nodes), directoryVoters: this.#directoryVoters };
  }

  #planned(): { readonly step: ReturnType<typeof planStep>; readonly requests: readonly DirectoryRequest[] } {
    const step = planStep(this.state, this.#view(), {}, this.#goal);
    return { step, requests: step.changes.map(({ request }) => request) };
  }

  #put({ records }: { readonly records: readonly DirectoryRecord[] }, epoch: number): void {
    if (records.length === 0) return;
    if (epoch !== this.state.epoch && this.#faults.isEpochIgnored !== true) return;
    this.state = withRecords(this.state, this.state.epoch + 1, records);
    this.#checkState();
  }

  /** What holds of every state that the directory ever has. */
  #checkState(): void {
    const moving = new Map<number, number>();
    for (const { shard, report, wish } of this.state.shards) {
      const voters = voterNodesOf(report);
      const gone = voters.filter((id) => !wish.includes(id));
      const come = wish.filter((id) => !voters.includes(id));
      check(gone.length <= 1 && come.length <= 1, `shard ${shard} moves ${gone} to ${come} [B-2]`);
      for (const id of [...gone, ...come]) moving.set(id, (moving.get(id) ?? 0) + 1);
      const { index } = this.#groups[shard] as Group;
      check(report.configurationIndex <= index, `the report of shard ${shard} is ahead of it`);
    }
    const { movesPerNodeMax } = this.state.settings;
    for (const [id, count] of moving) check(count <= movesPerNodeMax, `node ${id} has ${count} moves [B-2]`);
  }

  /** What holds whenever the planner begins a move. */
  #checkBeginning(request: DirectoryRequest): void {
    if (request.kind !== "wish") return;
    const shard = this.state.shards[request.shard] as DirectoryState["shards"][number];
    const voters = voterNodesOf(shard.report);
    const come = request.nodes.filter((id) => !voters.includes(id));
    const gone = voters.filter((id) => !request.nodes.includes(id));
    if (come.length + gone.length === 0) return;
    const isLive = (id: number): boolean => !this.#away.has(id);
    check(come.every(isLive), `a move to ${come} begins, which is away [B-3]`);
    check(voters.filter(isLive).length > voters.length / 2, "a move begins at a shard that stands still [B-3]");
    const isFewer = request.nodes.length < voters.length;
    const live = [voters, request.nodes].map((nodes) => nodes.filter(isLive).length);
    check(isFewer || (live[1] as number) >= (live[0] as number), "fewer live voters are wished for [B-3]");
    const isWorking = (id: number): boolean =>
      this.state.nodes.some((node) => node.id === id && node.state === "active");
    const isAbsent = gone.some((id) => isWorking(id) && !isLive(id) && (this.#away.get(id) ?? 0) < replaceAfterMs);
    const isEven = come.some((id) => this.#loadOf(id) < this.#loadOf(gone[0] ?? 0));
    check(!isAbsent || come.length === 0 || isEven, `a replica leaves ${gone}, which is away for a moment only`);
  }

  #loadOf(id: number): number {
    return this.state.shards.filter(({ wish }) => wish.includes(id)).length;
  }

  /** Whether there was anything to do. */
  #step(group: Group, wish: readonly number[]): boolean {
    const isLive = (id: number): boolean => !this.#away.has(nodeOfReplica(id));
    const { learner } = group;
    const nodes = group.voters.map(nodeOfReplica);
    const going = group.voters.filter((id) => !wish.includes(nodeOfReplica(id)));
    going.sort((a, b) => Number(isLive(a)) - Number(isLive(b)));
    if (learner !== undefined && !wish.includes(nodeOfReplica(learner))) {
      group.learner = undefined;
      return true;
    }
    if (learner !== undefined) {
      if (!isLive(learner)) return false;
      group.voters = [...group.voters.filter((id) => id !== going[0]), learner].sort((a, b) => a - b);
      group.learner = undefined;
      return true;
    }
    const missing = wish.find((id) => !nodes.includes(id));
    if (missing !== undefined) {
      group.learner = (Math.floor(group.highest / 65_536) + 1) * 65_536 + missing;
      group.highest = group.learner;
      return true;
    }
    const [from] = going;
    if (from === undefined || group.voters.some((id) => id !== from && !isLive(id) && isLive(from))) return false;
    group.voters = group.voters.filter((id) => id !== from);
    return true;
  }
}

function check(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(what);
}

/** What may happen, to any node or shard. */
interface Chance {
  /** Of all that happens. */
  readonly weight: number;
  readonly happens: (world: World, any: number) => void;
}

const onShard =
  (happens: (world: World, shard: number) => void) =>
  (world: World, any: number): void =>
    happens(world, any % world.state.shards.length);

const onNode =
  (happens: (world: World, node: number) => void) =>
  (world: World, any: number): void =>
    happens(world, world.state.nodes[any % world.state.nodes.length]?.id ?? 1);

const chances = {
  look: { weight: 3, happens: (world) => world.look() },
  lookLate: { weight: 1, happens: (world) => world.lookLate() },
  arriveLate: { weight: 1, happens: (world) => world.arriveLate() },
  work: { weight: 4, happens: onShard((world, shard) => world.work(shard)) },
  say: { weight: 2, happens: onShard((world, shard) => world.say(shard)) },
  tick: { weight: 2, happens: (world) => world.tick() },
  crash: { weight: 2, happens: onNode((world, node) => world.crash(node)) },
  restart: { weight: 1, happens: onNode((world, node) => world.restart(node)) },
  join: { weight: 1, happens: (world) => world.join() },
  drain: { weight: 1, happens: onNode((world, node) => world.ask({ kind: "drain", node, isForced: false })) },
  forceDrain: { weight: 1, happens: onNode((world, node) => world.ask({ kind: "drain", node, isForced: true })) },
  resume: { weight: 1, happens: onNode((world, node) => world.ask({ kind: "resume", node })) },
  decommission: {
    weight: 1,
    happens: onNode((world, node) => world.ask({ kind: "decommission", node, isForced: false })),
  },
  remove: { weight: 1, happens: onNode((world, node) => world.remove(node)) },
  replicas: { weight: 1, happens: (world, any) => world.ask({ kind: "set", replicas: 1 + (any % 4) }) },
} as const satisfies Readonly<Record<string, Chance>>;

type Event = readonly [kind: keyof typeof chances, any: number];

const kinds = Object.entries(chances).map(([kind, { weight }]) => ({
  weight,
  arbitrary: fc.constant(kind as keyof typeof chances),
}));

const events: fc.Arbitrary<readonly Event[]> = fc.array(fc.tuple(fc.oneof(...kinds), fc.nat(1_000)), {
  maxLength: 150,
  size: "max",
});

function live(size: number, shardCount: number, script: readonly Event[], faults?: Faults): World {
  const world = new World(size, shardCount, faults);
  for (const [kind, any] of script) chances[kind].happens(world, any);
  return world;
}

test("whatever happens to nodes, shards and planners, each state keeps the rules, and it ends with nothing left to move [B-2, B-3, B-5]", () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 6 }), fc.integer({ min: 1, max: 12 }), events, (size, shards, script) => {
      live(size, shards, script).settle();
    }),
    { numRuns: 30 },
  );
});

test("with those that never come back it ends too, and every shard that can has no replica there", () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 7 }), fc.integer({ min: 1, max: 12 }), events, (size, shards, script) => {
      live(size, shards, script).settleWithout();
    }),
    { numRuns: 25 },
  );
});

test.for<{ name: string; faults: Faults; finds: RegExp }>([
  { name: "a planner that believes everybody answers", faults: { isViewBlind: true }, finds: /B-3/ },
  { name: "changes that count on any epoch", faults: { isEpochIgnored: true }, finds: /B-2|ahead|refused|ERR/ },
  { name: "replicas that leave whoever is away for a moment", faults: { isHasty: true }, finds: /for a moment only/ },
])("the checks find $name", ({ faults, finds }) => {
  const found = (script: readonly Event[]): string => {
    try {
      live(5, 8, script, faults).settle();
      return "";
    } catch (error) {
      return String(error);
    }
  };
  const failing = fc.check(
    fc.property(events, (script) => !finds.test(found(script))),
    { numRuns: 200, seed: 7, endOnFailure: true },
  );
  expect(failing.failed).toBe(true);
});

test("the checks find moves that are never taken back", () => {
  const begin = (faults: Faults): (() => void) => {
    const world = new World(3, 6, faults);
    world.join();
    world.look();
    world.crash(4);
    return () => world.settleWithout();
  };
  expect(begin({})).not.toThrow();
  expect(begin({ isAgeless: true })).toThrow("never ends");
});
