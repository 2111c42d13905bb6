import { expect, test } from "vitest";
import type { ClusterView, NodeView } from "./cluster-view.ts";
import { decide, decideAll } from "./decide.ts";
import type { DirectoryNode, DirectoryState, ShardReport } from "./directory-state.ts";
import { genesis } from "./genesis.ts";
import type { GoalMove, PlannedGoal } from "./planned-goal.ts";
import { type PlannerLimits, planStep } from "./planner.ts";
import { progressOf } from "./progress.ts";
import type { DirectoryRequest } from "./request.ts";
import { targetOf } from "./target.ts";
import { recordsOf, withRecords } from "./with-records.ts";

const heard: NodeView = { isHeard: true, absentMs: 0, hasDirectory: true };
const longAway: NodeView = { isHeard: false, absentMs: 3_600_000, hasDirectory: true };
const justAway: NodeView = { isHeard: false, absentMs: 0, hasDirectory: true };

/** All nodes are heard, save for those in `others`. */
function viewOf(state: DirectoryState, others: Readonly<Record<number, NodeView>> = {}): ClusterView {
  return { nodes: new Map(state.nodes.map(({ id }) => [id, others[id] ?? heard])), directoryVoters: [1, 2, 3] };
}

function cluster(size: number, options: { shardCount?: number; replicas?: number } = {}): DirectoryState {
  const { shardCount = 8, replicas } = options;
  return genesis({ names: Array.from({ length: size }, (_, at) => `n${at + 1}`), shardCount, replicas });
}

function after(state: DirectoryState, ...requests: readonly DirectoryRequest[]): DirectoryState {
  const decided = decideAll(state, requests);
  for (const { refusal } of decided.refused) throw refusal;
  return decided.state;
}

function withNodes(state: DirectoryState, change: (node: DirectoryNode) => Partial<DirectoryNode>): DirectoryState {
  return { ...state, nodes: state.nodes.map((node) => ({ ...node, ...change(node) })) };
}

function withJoined(state: DirectoryState, name: string): DirectoryState {
  const directoryId = state.nextNodeId.toString(16).padStart(32, "0");
  return after(state, { kind: "join", name, directoryId });
}

function wishAfter(state: DirectoryState, move: GoalMove | undefined): readonly number[] {
  const stay = (state.shards[move?.shard ?? -1]?.wish ?? []).filter((id) => id !== move?.from);
  return [...stay, move?.to ?? 0].sort((a, b) => a - b);
}

/** What one look wants, in words. */
function reasonsOf(state: DirectoryState, view: ClusterView = viewOf(state), limits?: PlannerLimits): string[] {
  const { changes } = planStep(state, view, limits);
  after(state, ...changes.map(({ request }) => request));
  return changes.map(({ reason }) => reason);
}

function wishOf({ shards }: DirectoryState, nodes: readonly number[]): DirectoryRequest {
  return { kind: "wish", shard: 0, nodes, configurationIndex: shards[0]?.report.configurationIndex ?? 0 };
}

/** The wish as a shard's leader carries it out and says so. */
function carriedOut(state: DirectoryState, shard: number, learners: readonly number[] = []): DirectoryRequest {
  const { report, wish } = state.shards[shard] as DirectoryState["shards"][number];
  const voters = wish
    .map((node) => report.voters.find((replica) => replica % 65_536 === node) ?? 65_536 * (shard + 1) + node)
    .sort((a, b) => a - b);
  const highestReplica = Math.max(report.highestReplica, ...voters, ...learners);
  const said: ShardReport = { configurationIndex: report.configurationIndex + 1, voters, learners, highestReplica };
  return { kind: "report", shard, report: said };
}

/** Look, carry everything out, look again, until nothing is left to do; what moved. */
function settled(
  begin: DirectoryState,
  others: Readonly<Record<number, NodeView>> = {},
): { state: DirectoryState; moves: number } {
  let state = begin;
  let moves = 0;
  let goal: PlannedGoal | undefined;
  for (let look = 0; look < 500; look++) {
    const step = planStep(state, viewOf(state, others), {}, goal);
    const { changes } = step;
    goal = step.goal;
    if (changes.length === 0) return { state, moves };
    state = after(state, ...changes.map(({ request }) => request));
    moves += changes.filter(({ request }) => request.kind === "wish").length;
    state = after(state, ...state.shards.map(({ shard }) => carriedOut(state, shard)));
  }
  throw new Error("the planner does not come to an end");
}

test("a cluster as it began, all of it heard, needs nothing", () => {
  expect(planStep(cluster(3), viewOf(cluster(3)))).toMatchObject({ changes: [], held: [], warnings: [] });
  expect(reasonsOf(cluster(7))).toEqual([]);
});

test("who joins becomes active once it is heard and holds the directory, and not before", () => {
  const joined = withJoined(cluster(3), "n4");
  const [first, ...moves] = reasonsOf(joined);
  expect(first).toBe("n4 holds the directory: it takes replicas from now on");
  expect(moves).toHaveLength(joined.settings.movesPerNodeMax);
  expect(moves[0]).toBe("shard 0 moves a replica from n1 to n4: a node that joined or grew gets its share");
  expect(reasonsOf(joined, viewOf(joined, { 4: { ...heard, hasDirectory: false } }))).toEqual([]);
  expect(reasonsOf(joined, viewOf(joined, { 4: { ...justAway, hasDirectory: true } }))).toEqual([]);
});

test("a fourth node beside three with 64 shards gets 20 to 30 % of the replicas, and nothing else moves", () => {
  const { state, moves } = settled(withJoined(cluster(3, { shardCount: 64 }), "n4"));
  const onFour = state.shards.filter(({ wish }) => wish.includes(4)).length;
  expect([moves, onFour]).toEqual([48, 48]);
  expect(moves / (64 * 3)).toBeGreaterThanOrEqual(0.2);
  expect(moves / (64 * 3)).toBeLessThanOrEqual(0.3);
});

test("a node has no more than movesPerNodeMax replicas coming and going, however many looks there are", () => {
  let state = after(withJoined(cluster(3, { shardCount: 64 }), "n4"), { kind: "activate", node: 4 });
  state = after(state, { kind: "set", movesPerNodeMax: 3 });
  for (let look = 0; look < 3; look++) {
    state = after(state, ...planStep(state, viewOf(state)).changes.map(({ request }) => request));
    expect(progressOf(state).underWay).toHaveLength(3);
  }
  expect(progressOf(state).underWay.every(({ from, to }) => to === 4 && from !== undefined && from < 4)).toBe(true);
  expect(progressOf(state).toCome.length).toBeGreaterThan(30);
});

test("draining: the replicas go, then the node is drained, then removed if it was decommissioned", () => {
  const begun = after(cluster(4, { replicas: 3 }), { kind: "decommission", node: 4, isForced: false });
  const { state } = settled(begun);
  expect(state.nodes.at(-1)).toMatchObject({ id: 4, state: "removed" });
  expect(state.shards.map(({ wish }) => wish)).toEqual(Array.from({ length: 8 }, () => [1, 2, 3]));
  const drained = settled(after(cluster(4, { replicas: 3 }), { kind: "drain", node: 4, isForced: false }));
  expect(drained.state.nodes.at(-1)?.state).toBe("drained");
});

test("a decommissioned node is not removed while it votes on the directory", () => {
  const state = withNodes(cluster(4, { replicas: 3 }), ({ id }) =>
    id === 4 ? { state: "drained", isDecommissioned: true } : {},
  );
  const empty = { ...state, shards: cluster(3).shards };
  expect(reasonsOf(empty, { ...viewOf(empty), directoryVoters: [1, 2, 4] })).toEqual([]);
  expect(reasonsOf(empty)).toEqual(["n4 is drained, and is removed as was wished"]);
});

test("an absent node keeps its replicas until it was away for replaceAfterMs; then they are made anew elsewhere", () => {
  const state = cluster(5, { replicas: 3, shardCount: 16 });
  const held = state.shards.filter(({ wish }) => wish.includes(2)).length;
  const { replaceAfterMs } = state.settings;
  expect(reasonsOf(state, viewOf(state, { 2: { ...justAway, absentMs: replaceAfterMs - 1 } }))).toEqual([]);
  const moved = settled(state, { 2: { ...justAway, absentMs: replaceAfterMs } });
  expect(moved.moves).toBe(held);
  expect(moved.state.shards.some(({ wish }) => wish.includes(2))).toBe(false);
  expect(moved.state.nodes[1]?.state).toBe("active");
});

test("of two lost nodes that one is replaced first whose shards can do with fewest failures", () => {
  const state = cluster(7, { replicas: 3, shardCount: 32 });
  const away = { 2: longAway, 3: longAway };
  const spareOf = (wish: readonly number[]): number => wish.filter((id) => !(id in away)).length;
  const reasons = reasonsOf(state, viewOf(state, away));
  expect(reasons.length).toBeGreaterThan(0);
  expect(reasons.every((reason) => reason.includes("from n2 to") || !reason.includes("n3 has"))).toBe(true);
  const first = planStep(state, viewOf(state, away)).changes[0]?.request;
  if (first?.kind !== "wish") throw new Error("no move");
  expect(spareOf(state.shards[first.shard]?.wish ?? [])).toBe(
    Math.min(
      ...state.shards
        .filter(({ wish }) => wish.includes(2))
        .map(({ wish }) => spareOf(wish))
        .filter((n) => n >= 2),
    ),
  );
});

test("a shard that stands still gets no move, and keeps the others of its lost nodes from none", () => {
  const state = cluster(7, { replicas: 3, shardCount: 32 });
  const still = state.shards.filter(({ wish }) => wish.filter((id) => id > 2).length < 2);
  expect(still.length).toBeGreaterThan(0);
  const moved = settled(state, { 1: longAway, 2: longAway }).state;
  for (const { shard, wish } of still) expect(moved.shards[shard]?.wish).toEqual(wish);
  const left = moved.shards.filter(({ wish }) => wish.some((id) => id <= 2)).map(({ shard }) => shard);
  expect(left).toEqual(still.map(({ shard }) => shard));
  expect(planStep(moved, viewOf(moved, { 1: longAway, 2: longAway })).warnings).toEqual([
    `${still.length} shards have no live majority (${left.join(", ")}), so nothing of theirs can move. Start n1 or n2 again.`,
  ]);
});

test("while a whole zone is silent nobody is replaced, and an operator is told; removing its nodes decides", () => {
  const state = withNodes(cluster(6, { replicas: 3 }), ({ id }) => ({ zone: `zone-${id % 3}` }));
  const away = { 1: longAway, 4: longAway };
  const step = planStep(state, viewOf(state, away));
  expect(step.changes.filter(({ reason }) => reason.includes("away"))).toEqual([]);
  expect(step.warnings).toEqual([
    "Zone zone-1 does not answer at all, so the replicas of n1, n4 are not made anew elsewhere. Bring one of its nodes back, or remove the nodes that are gone for good.",
    "2 shards have no live majority (0, 1), so nothing of theirs can move. Start n1 or n4 again.",
  ]);
  expect(planStep(state, viewOf(state, { 1: longAway })).warnings).toEqual([]);
  const present = new Set([2, 3, 5, 6]);
  const decided = after(
    state,
    { kind: "remove", node: 1, heard: present, isForced: true },
    { kind: "remove", node: 4, heard: present, isForced: true },
  );
  const end = settled(decided, away).state;
  expect(end.shards.filter(({ wish }) => wish.filter((id) => id === 1 || id === 4).length === 1)).toEqual([]);
  expect(planStep(end, viewOf(end, away)).warnings).toEqual([
    "2 shards have no live majority (0, 1), so nothing of theirs can move. The others of their replicas were on nodes that are removed.",
  ]);
});

test("nodes without a zone are no zone that could be silent", () => {
  const state = withNodes(cluster(5, { replicas: 3 }), ({ id }) => ({ zone: id === 5 ? "" : `zone-${id % 2}` }));
  expect(planStep(state, viewOf(state, { 5: longAway })).warnings).toEqual([]);
  expect(settled(state, { 5: longAway }).state.shards.some(({ wish }) => wish.includes(5))).toBe(false);
});

test("a move whose target has gone is taken back, one whose target is away only after a while", () => {
  const joined = after(withJoined(cluster(3), "n4"), { kind: "activate", node: 4 });
  const begun = after(joined, { kind: "wish", shard: 0, nodes: [2, 3, 4], configurationIndex: 0 });
  const shardZero = (view: ClusterView, state: DirectoryState = begun): string[] =>
    reasonsOf(state, view).filter((reason) => reason.includes("shard 0 "));
  expect(shardZero(viewOf(begun, { 4: { ...justAway, absentMs: 29_999 } }))).toEqual([]);
  expect(shardZero(viewOf(begun, { 4: { ...justAway, absentMs: 30_000 } }))).toEqual([
    "the move of a replica of shard 0 is taken back: n4 is away",
  ]);
  const draining = after(begun, { kind: "drain", node: 4, isForced: false });
  expect(shardZero(viewOf(draining), draining)).toEqual([
    "the move of a replica of shard 0 is taken back: n4 is draining",
  ]);
});

test("a move of a shard that stands still is taken back: it kept others from its nodes", () => {
  const state = after(cluster(6, { replicas: 3, shardCount: 16 }), { kind: "drain", node: 1, isForced: false });
  const begun = after(state, ...planStep(state, viewOf(state)).changes.map(({ request }) => request));
  const [moved] = begun.shards.filter(({ report, wish }) => report.voters.includes(1) && !wish.includes(1));
  const other = moved?.report.voters.find((id) => id !== 1) ?? 0;
  const reasons = reasonsOf(begun, viewOf(begun, { 1: longAway, [other]: longAway }));
  const reason = `the move of a replica of shard ${moved?.shard} is taken back: the shard has no live majority`;
  expect(reasons).toContain(reason);
  expect(reasonsOf(begun, viewOf(begun, { 1: longAway, [other]: justAway }))).not.toContain(reason);
});

test("a shard whose lost replica is made anew moves nothing, unless that one is to go or is away", () => {
  const four = after(withJoined(cluster(3), "n4"), { kind: "activate", node: 4 });
  const rebuilding = after(four, ...four.shards.map(({ shard }) => carriedOut(four, shard, [65_536 + 2])));
  const step = planStep(rebuilding, viewOf(rebuilding));
  expect(step.held.length).toBeGreaterThan(0);
  expect(new Set(step.held.map(({ reason }) => reason))).toEqual(
    new Set(["a replica of the shard is being made anew"]),
  );
  for (const { request } of step.changes) {
    expect(request.kind === "wish" && request.nodes.includes(2)).toBe(false);
  }
  const away = viewOf(rebuilding, { 2: longAway });
  expect(reasonsOf(rebuilding, away).every((reason) => reason.includes("from n2 to n4"))).toBe(true);
});

test("fewer replicas are wanted: they go, as long as enough others are live", () => {
  const fewer = after(cluster(5, { replicas: 5 }), { kind: "set", replicas: 3 });
  expect(settled(fewer).state.shards.every(({ wish }) => wish.length === 3)).toBe(true);
  const away = planStep(fewer, viewOf(fewer, { 1: justAway }));
  const left = away.changes.map(({ request }) => (request.kind === "wish" ? request.nodes : []));
  expect(left.every((nodes) => !nodes.includes(1))).toBe(true);
  expect(away.held.some(({ reason }) => reason === "n1 is away, and has a replica that would stay")).toBe(true);
});

test("a cluster from before shards could be on some nodes comes to 15 replicas of each, and gives up no more", () => {
  const names = Array.from({ length: 17 }, (_, at) => `n${at + 10}`);
  const { state, moves } = settled(genesis({ names, shardCount: 4, replicas: 17 }));
  expect(state.shards.map(({ report }) => report.voters.length)).toEqual([15, 15, 15, 15]);
  expect(moves).toBe(8);
});

test("a live replica that goes comes back when one that stays is away for long: the one that is gone can go instead", () => {
  const fewer = after(cluster(3, { shardCount: 1 }), { kind: "set", replicas: 2 });
  const begun = after(fewer, { kind: "wish", shard: 0, nodes: [1, 2], configurationIndex: 0 });
  expect(reasonsOf(begun, viewOf(begun, { 1: longAway }))).toEqual([
    "the move of a replica of shard 0 is taken back: n1, which stays, is away",
  ]);
  expect(settled(fewer, { 1: longAway }).state.shards[0]?.wish).toEqual([2, 3]);
});

test("a live replica that goes comes back at once when one that stays is removed", () => {
  const joined = after(withJoined(cluster(3, { shardCount: 1 }), "n4"), { kind: "activate", node: 4 });
  const wider = after(joined, { kind: "set", replicas: 4 }, wishOf(joined, [1, 2, 3, 4]));
  const four = after(wider, carriedOut(wider, 0), { kind: "set", replicas: 3 });
  const begun = after(four, wishOf(four, [1, 3, 4]));
  const removed = after(begun, { kind: "remove", node: 3, heard: new Set([1, 2, 4]), isForced: true });
  // Of removed nodes nobody says for how long they have been away.
  const { nodes, directoryVoters } = viewOf(removed);
  const view = { nodes: new Map([...nodes].filter(([id]) => id !== 3)), directoryVoters };
  expect(reasonsOf(removed, view)).toEqual([
    "the move of a replica of shard 0 is taken back: n3, which stays, is removed",
  ]);
  const back = after(removed, ...planStep(removed, view).changes.map(({ request }) => request));
  expect(reasonsOf(back, view)).toEqual(["shard 0 gives up its replica on n3: n3 is removed"]);
});

test("more replicas are wanted: they come, on the nodes that there are", () => {
  const more = after(cluster(5, { replicas: 1 }), { kind: "set", replicas: 3 });
  expect(settled(more).state.shards.every(({ wish }) => wish.length === 3)).toBe(true);
  const alone = settled(withJoined(cluster(1), "n2"));
  expect(alone.state.shards.every(({ wish }) => wish.length === 2)).toBe(true);
});

test("a forced drain below the number of replicas gives them up; without a node to take them it waits", () => {
  const forced = after(cluster(3), { kind: "drain", node: 3, isForced: true });
  expect(settled(forced).state.nodes[2]?.state).toBe("drained");
  const state = after(cluster(4, { replicas: 3 }), { kind: "drain", node: 3, isForced: false });
  const taker = state.nodes.map(({ id }) => id).filter((id) => id !== 3);
  const [absent] = taker;
  const { held } = planStep(state, viewOf(state, { [absent as number]: justAway }));
  expect(held.length).toBeGreaterThan(0);
  expect(held[0]?.reason).toMatch(/no node that is heard could take/);
});

test("one look makes no more changes than it may", () => {
  const state = after(withJoined(cluster(3, { shardCount: 64 }), "n4"), { kind: "activate", node: 4 });
  expect(planStep(state, viewOf(state), { changesMax: 2 }).changes).toHaveLength(2);
  expect(planStep(state, viewOf(state), { changesMax: 0 }).changes).toHaveLength(0);
});

test("nothing depends on the order of the view, and a state read from records is planned alike", () => {
  const state = after(cluster(5, { replicas: 3, shardCount: 32 }), { kind: "drain", node: 5, isForced: false });
  const view = viewOf(state, { 2: justAway });
  const turned: ClusterView = { ...view, nodes: new Map([...view.nodes].reverse()) };
  const read = withRecords(cluster(5, { replicas: 3, shardCount: 32 }), state.epoch, recordsOf(state));
  expect(planStep(read, turned)).toEqual(planStep(state, view));
});

test("1,024 shards on 60 nodes, a tenth of which is lost, are planned in a moment", () => {
  const names = Array.from({ length: 60 }, (_, at) => `n${at}`).sort();
  const state = genesis({ names, shardCount: 1_024, replicas: 3 });
  const others = Object.fromEntries(Array.from({ length: 6 }, (_, at) => [at * 10 + 1, longAway]));
  const step = planStep(state, viewOf(state, others));
  expect(step.changes.length).toBeGreaterThan(0);
  expect(decide(state, step.changes[0]?.request as DirectoryRequest).kind).toBe("change");
});

test("a goal is worked towards to its end, and made anew when other nodes take part or nothing of it is left", () => {
  const joined = after(withJoined(cluster(3, { shardCount: 16 }), "n4"), { kind: "activate", node: 4 });
  const { goal } = planStep(joined, viewOf(joined));
  expect(goal?.moves).toHaveLength(12);
  const [first, second] = goal?.moves ?? [];
  const moved = after(
    joined,
    { kind: "wish", shard: first?.shard ?? 0, nodes: wishAfter(joined, first), configurationIndex: 0 },
    { kind: "wish", shard: second?.shard ?? 0, nodes: wishAfter(joined, second), configurationIndex: 0 },
  );
  expect(planStep(moved, viewOf(moved), {}, goal).goal?.moves).toEqual(goal?.moves.slice(2));
  expect(planStep(joined, viewOf(joined), {}, goal).goal).toBe(goal);
  const five = after(withJoined(joined, "n5"), { kind: "activate", node: 5 });
  expect(planStep(five, viewOf(five), {}, goal).goal?.key).not.toBe(goal?.key);
  const even = settled(joined).state;
  expect(planStep(even, viewOf(even), {}, goal).goal?.moves).toEqual([]);
});

test("what a decision would move can be said before it is made", () => {
  const state = cluster(3, { shardCount: 64 });
  expect(progressOf(state)).toEqual({ underWay: [], toCome: [] });
  const joined = after(withJoined(state, "n4"), { kind: "activate", node: 4 });
  expect(progressOf(joined).toCome.every(({ to }) => to === 4)).toBe(true);
  expect(progressOf(joined).toCome.length).toBe(settled(joined).moves);
  expect(targetOf(joined, [])).toBeUndefined();
  expect(targetOf(joined, joined.nodes)).toBe(targetOf(joined, joined.nodes));
});
