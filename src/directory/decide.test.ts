import { expect, test } from "vitest";
import { removedNodesMax } from "./bounds.ts";
import { decide, decideAll } from "./decide.ts";
import type { DirectoryNode, DirectoryNodeState, DirectoryState, ShardReport } from "./directory-state.ts";
import { genesis } from "./genesis.ts";
import type { DirectoryRequest } from "./request.ts";
import { withRecords } from "./with-records.ts";

const three = genesis({ names: ["n1", "n2", "n3"], shardCount: 2 });
const directoryId = "0123456789abcdef0123456789abcdef";
const otherId = "f".repeat(32);
const joinFour: DirectoryRequest = { kind: "join", name: "n4", directoryId };

/** What the directory is after the changes, none of which may be refused. */
function after(state: DirectoryState, ...requests: readonly DirectoryRequest[]): DirectoryState {
  let now = state;
  for (const request of requests) {
    const decision = decide(now, request);
    if (decision.kind === "refused") throw decision.refusal;
    if (decision.kind === "unchanged") continue;
    const next = withRecords(now, now.epoch + 1, decision.records);
    expect(next).toEqual(decision.state);
    now = next;
  }
  return now;
}

/** "change", "unchanged", or the code of the refusal. */
function outcomeOf(state: DirectoryState, request: DirectoryRequest): string {
  const decision = decide(state, request);
  if (decision.kind !== "refused") return decision.kind;
  expect(decision.refusal.outcome).toBe("notApplied");
  expect(decision.refusal.message).toMatch(/\.$/);
  return decision.refusal.code;
}

function withState(state: DirectoryNodeState, nodes: DirectoryState = four): DirectoryState {
  return { ...nodes, nodes: nodes.nodes.map((node) => (node.id === 4 ? { ...node, state } : node)) };
}

const four = after(three, joinFour, { kind: "activate", node: 4 });

test("who joins gets the next number; asked again it is the same one, and a refusal never gives one away", () => {
  const joined = after(three, { ...joinFour, zone: "b", weight: 200, peerAddress: { host: "h4", port: 9 } });
  expect(joined.nodes.at(-1)).toEqual({
    id: 4,
    name: "n4",
    state: "joining",
    directoryId,
    peerAddress: { host: "h4", port: 9 },
    zone: "b",
    weight: 200,
    isDecommissioned: false,
  });
  expect(joined.nextNodeId).toBe(5);
  expect(outcomeOf(joined, joinFour)).toBe("unchanged");
  expect(after(joined, { ...joinFour, peerAddress: { host: "h5", port: 9 } }).nodes.at(-1)).toMatchObject({
    id: 4,
    peerAddress: { host: "h5", port: 9 },
    zone: "b",
  });
  expect(outcomeOf(joined, { ...joinFour, directoryId: otherId })).toBe("NODE_NAME_TAKEN");
  expect(outcomeOf(joined, { ...joinFour, name: "n5" })).toBe("NODE_STATE");
  expect(outcomeOf(joined, { ...joinFour, directoryId: otherId, name: "n1" })).toBe("NODE_NAME_TAKEN");
});

test("the name of a removed node is given again, with a new number; its directory is not taken back", () => {
  const removed = after(four, { kind: "remove", node: 4, heard: new Set([1, 2, 3]), isForced: false });
  expect(outcomeOf(removed, joinFour)).toBe("NODE_STATE");
  const again = after(removed, { ...joinFour, directoryId: otherId });
  expect(again.nodes.slice(3).map(({ id, name, state }) => [id, name, state])).toEqual([
    [4, "n4", "removed"],
    [5, "n4", "joining"],
  ]);
});

test.for<{ name: string; request: Partial<DirectoryRequest> }>([
  { name: "a name with a blank", request: { name: "n 4" } },
  { name: "no name", request: { name: "" } },
  { name: "a long name", request: { name: "n".repeat(64) } },
  { name: "a directory id of something else", request: { directoryId: "4" } },
  { name: "a zone with a colon", request: { zone: "a:b" } },
  { name: "weight 0", request: { weight: 0 } },
  { name: "a weight beyond the highest", request: { weight: 10_001 } },
  { name: "port 0", request: { peerAddress: { host: "h", port: 0 } } },
  { name: "a host with a blank", request: { peerAddress: { host: "a b", port: 1 } } },
])("a join is refused with the rule: $name", ({ request }) => {
  expect(outcomeOf(three, { ...joinFour, ...request } as DirectoryRequest)).toBe("DIRECTORY_VALUE");
});

test("numbers end at 65,535, and nodes at 1,024 that are not removed", () => {
  expect(outcomeOf({ ...three, nextNodeId: 65_535 }, joinFour)).toBe("change");
  expect(outcomeOf({ ...three, nextNodeId: 65_536 }, joinFour)).toBe("TOO_MANY_NODES");
  const node = three.nodes[0] as DirectoryNode;
  const nodes = Array.from({ length: 1_024 }, (_, at) => ({ ...node, id: at + 1, name: `m${at}` }));
  const full = { ...three, nodes, nextNodeId: 1_025 };
  expect(outcomeOf(full, joinFour)).toBe("TOO_MANY_NODES");
  const one = { ...full, nodes: nodes.with(9, { ...node, id: 10, state: "removed" }) };
  expect(outcomeOf(one, joinFour)).toBe("change");
});

test("the longest removed node that had joined is forgotten when there are too many; its number stays removed", () => {
  const gone = Array.from({ length: removedNodesMax }, (_, at): DirectoryNode => {
    const node = three.nodes[0] as DirectoryNode;
    return { ...node, id: at + 5, name: "x", state: "removed", directoryId: otherId };
  });
  const state = { ...four, nodes: [...four.nodes, ...gone], nextNodeId: 5 + removedNodesMax };
  const next = after(state, { kind: "remove", node: 4, heard: new Set(), isForced: false });
  expect(next.nodes).toHaveLength(3 + removedNodesMax);
  expect(next.nodes[3]?.id).toBe(5);
});

type NodeRequest = "announce" | "activate" | "drain" | "resume" | "drained" | "decommission" | "remove";

/** A node without replicas beside three others. */
const table: Readonly<Record<NodeRequest, Readonly<Record<DirectoryNodeState, string>>>> = {
  announce: {
    joining: "change",
    active: "change",
    draining: "change",
    drained: "change",
    removed: "NODE_STATE",
  },
  activate: {
    joining: "change active",
    active: "unchanged",
    draining: "NODE_STATE",
    drained: "NODE_STATE",
    removed: "NODE_STATE",
  },
  drain: {
    joining: "change draining",
    active: "change draining",
    draining: "unchanged",
    drained: "unchanged",
    removed: "NODE_STATE",
  },
  resume: {
    joining: "unchanged",
    active: "unchanged",
    draining: "change active",
    drained: "change active",
    removed: "NODE_STATE",
  },
  drained: {
    joining: "NODE_STATE",
    active: "NODE_STATE",
    draining: "change drained",
    drained: "unchanged",
    removed: "NODE_STATE",
  },
  decommission: {
    joining: "change draining",
    active: "change draining",
    draining: "change draining",
    drained: "change drained",
    removed: "NODE_STATE",
  },
  remove: {
    joining: "change removed",
    active: "change removed",
    draining: "change removed",
    drained: "change removed",
    removed: "unchanged",
  },
};

function requestOf(kind: NodeRequest, node: number): DirectoryRequest {
  if (kind === "announce") return { kind, node, zone: "c" };
  if (kind === "remove") return { kind, node, heard: new Set([1, 2, 3, 4]), isForced: false };
  if (kind === "drain" || kind === "decommission") return { kind, node, isForced: false };
  return { kind, node };
}

test.for(
  (Object.keys(table) as NodeRequest[]).flatMap((kind) =>
    (Object.keys(table[kind]) as DirectoryNodeState[]).map((state) => ({ kind, state, is: table[kind][state] })),
  ),
)("$kind of a node that is $state: $is; asked again, nothing more", ({ kind, state, is }) => {
  const [outcome, next = state] = is.split(" ");
  const before = withState(state);
  expect(outcomeOf(before, requestOf(kind, 4))).toBe(outcome);
  expect(outcomeOf(before, requestOf(kind, 9))).toBe("NODE_UNKNOWN");
  if (outcome !== "change") return;
  const done = after(before, requestOf(kind, 4));
  expect(done.nodes[3]?.state).toBe(next);
  expect(outcomeOf(done, requestOf(kind, 4))).toBe("unchanged");
  expect(done.nodes.slice(0, 3)).toEqual(before.nodes.slice(0, 3));
});

test("a decommissioned node that is resumed is to stay", () => {
  const leaving = after(four, { kind: "decommission", node: 4, isForced: false });
  expect(leaving.nodes[3]?.isDecommissioned).toBe(true);
  expect(after(leaving, { kind: "resume", node: 4 }).nodes[3]).toMatchObject({
    state: "active",
    isDecommissioned: false,
  });
});

test("a drain that would leave fewer replicas than there should be wants force, and the last node stays by force too", () => {
  for (const kind of ["drain", "decommission"] as const) {
    expect(outcomeOf(three, { kind, node: 1, isForced: false })).toBe("TOO_FEW_NODES");
    expect(outcomeOf(four, { kind, node: 1, isForced: false })).toBe("change");
    const one = after(three, { kind, node: 1, isForced: true }, { kind, node: 2, isForced: true });
    expect(outcomeOf(one, { kind, node: 3, isForced: true })).toBe("TOO_FEW_NODES");
    const fewer = after(three, { kind: "set", replicas: 2 });
    expect(outcomeOf(fewer, { kind, node: 1, isForced: false })).toBe("change");
  }
});

test("a node is drained when neither a report nor a wish names it", () => {
  const draining = after(four, { kind: "drain", node: 1, isForced: false });
  expect(outcomeOf(draining, { kind: "drained", node: 1 })).toBe("NODE_STATE");
  const wishes = [0, 1].map(
    (shard): DirectoryRequest => ({ kind: "wish", shard, nodes: [2, 3, 4], configurationIndex: 0 }),
  );
  const wished = after(draining, ...wishes);
  expect(outcomeOf(wished, { kind: "drained", node: 1 })).toBe("NODE_STATE");
  const report: ShardReport = { configurationIndex: 9, voters: [2, 3, 65_540], learners: [], highestReplica: 65_540 };
  const half = after(wished, { kind: "report", shard: 0, report });
  expect(outcomeOf(half, { kind: "drained", node: 1 })).toBe("NODE_STATE");
  const done = after(half, { kind: "report", shard: 1, report });
  expect(outcomeOf(done, { kind: "drained", node: 1 })).toBe("change");
});

test("who is alive and has replicas is not removed without force, nor who takes a majority along", () => {
  const remove = (heard: readonly number[], isForced = false, node = 3): DirectoryRequest => ({
    kind: "remove",
    node,
    heard: new Set(heard),
    isForced,
  });
  expect(outcomeOf(three, remove([1, 2, 3]))).toBe("NODE_STATE");
  expect(outcomeOf(three, remove([1, 2, 3], true))).toBe("change");
  expect(outcomeOf(three, remove([1, 2]))).toBe("change");
  expect(outcomeOf(three, remove([1]))).toBe("MAJORITY_AT_RISK");
  expect(outcomeOf(three, remove([1], true))).toBe("change");
  const two = after(three, remove([1, 2]));
  expect(outcomeOf(two, remove([1, 2], true, 2))).toBe("change");
  const decision = decide(two, remove([1], false, 2));
  expect(decision).toMatchObject({ kind: "refused", refusal: { code: "MAJORITY_AT_RISK", shards: [0, 1] } });
  const one = after(two, remove([1], true, 2));
  expect(outcomeOf(one, remove([1], true, 1))).toBe("TOO_FEW_NODES");
});

test("of two reports the one with the higher configuration index counts, whichever comes first", () => {
  const older: ShardReport = { configurationIndex: 5, voters: [1, 2, 3], learners: [65_540], highestReplica: 65_540 };
  const newer: ShardReport = { configurationIndex: 8, voters: [2, 3, 65_540], learners: [], highestReplica: 65_540 };
  const requests = [older, newer].map((report): DirectoryRequest => ({ kind: "report", shard: 1, report }));
  expect(after(four, ...requests).shards).toEqual(after(four, ...requests.toReversed()).shards);
  expect(after(four, ...requests).shards[1]).toEqual({ shard: 1, report: newer, wish: [2, 3, 4] });
  expect(after(four, ...requests).shards[0]).toBe(four.shards[0]);
});

test.for<{ name: string; voters: readonly number[]; wish: readonly number[] }>([
  { name: "that the move was done", voters: [2, 3, 65_540], wish: [2, 3, 4] },
  { name: "that who comes has come and nobody gone", voters: [1, 2, 3, 65_540], wish: [2, 3, 4] },
  { name: "that who goes has gone and nobody come", voters: [2, 3], wish: [2, 3, 4] },
  { name: "that all is as it was, with a replica made anew", voters: [1, 3, 65_538], wish: [2, 3, 4] },
  { name: "another move: the wish begins there anew", voters: [1, 3, 65_540], wish: [1, 3, 4] },
  { name: "two moves: the wish begins there anew", voters: [3, 65_540, 65_541], wish: [3, 4, 5] },
])("while a replica moves from n1 to n4 its shard reports $name [B-2]", ({ voters, wish }) => {
  const moving = after({ ...four, nextNodeId: 6 }, { kind: "wish", shard: 0, nodes: [2, 3, 4], configurationIndex: 0 });
  const report: ShardReport = { configurationIndex: 9, voters, learners: [], highestReplica: 65_541 };
  expect(after(moving, { kind: "report", shard: 0, report }).shards[0]?.wish).toEqual(wish);
});

test("a move that was taken back too late is where the wish begins anew: no report makes a move begin [B-2]", () => {
  const begun = after(four, { kind: "wish", shard: 0, nodes: [2, 3, 4], configurationIndex: 0 });
  const back = after(begun, { kind: "wish", shard: 0, nodes: [1, 2, 3], configurationIndex: 0 });
  const report: ShardReport = {
    configurationIndex: 9,
    voters: [2, 3, 65_540],
    learners: [],
    highestReplica: 65_540,
  };
  expect(after(back, { kind: "report", shard: 0, report }).shards[0]?.wish).toEqual([2, 3, 4]);
});

const good: ShardReport = { configurationIndex: 5, voters: [1, 2], learners: [65_539], highestReplica: 65_539 };

test.for<{ name: string; report: Partial<ShardReport>; shard?: number }>([
  { name: "a shard that is not", report: {}, shard: 2 },
  { name: "no voters", report: { voters: [] } },
  { name: "disorder", report: { voters: [2, 1] } },
  { name: "a replica twice", report: { voters: [1, 1] } },
  { name: "voter and learner", report: { learners: [2] } },
  { name: "a replica of no node", report: { learners: [65_536] } },
  { name: "a fraction", report: { learners: [65_540.5] } },
  { name: "a node that was never there", report: { learners: [65_541], highestReplica: 65_541 } },
  { name: "a highest that is not", report: { highestReplica: 3 } },
  { name: "no index", report: { configurationIndex: Number.NaN } },
  { name: "another one for the same index", report: { configurationIndex: 0 } },
])("a report that cannot be is refused: $name", ({ report, shard = 0 }) => {
  expect(outcomeOf(four, { kind: "report", shard: 0, report: good })).toBe("change");
  expect(outcomeOf(four, { kind: "report", shard, report: { ...good, ...report } })).toBe("DIRECTORY_VALUE");
});

test("the highest replica never falls, and the same report again is no change", () => {
  const state = after(four, { kind: "report", shard: 0, report: { ...good, highestReplica: 200_000 } });
  const request: DirectoryRequest = { kind: "report", shard: 0, report: { ...good, configurationIndex: 6 } };
  expect(outcomeOf(state, request)).toBe("DIRECTORY_VALUE");
  expect(outcomeOf(after(four, request), request)).toBe("unchanged");
});

const toFour: DirectoryRequest = { kind: "wish", shard: 0, nodes: [2, 3, 4], configurationIndex: 0 };

test.for<{ name: string; request: Partial<DirectoryRequest>; state?: DirectoryState; is: string }>([
  { name: "a replica moves to an active node", request: {}, is: "change" },
  { name: "as it is", request: { nodes: [1, 2, 3] }, is: "unchanged" },
  { name: "decided on another report", request: { configurationIndex: 1 }, is: "MOVE_REFUSED" },
  { name: "two at once", request: { nodes: [3, 4, 5] }, is: "MOVE_REFUSED" },
  { name: "disorder", request: { nodes: [3, 2, 4] }, is: "MOVE_REFUSED" },
  { name: "nobody", request: { nodes: [] }, is: "MOVE_REFUSED" },
  { name: "two replicas on one node", request: { nodes: [2, 3, 3] }, is: "MOVE_REFUSED" },
  { name: "one fewer than there should be", request: { nodes: [2, 3] }, is: "MOVE_REFUSED" },
  { name: "one more than there should be", request: { nodes: [1, 2, 3, 4] }, is: "MOVE_REFUSED" },
  { name: "to nobody known", request: { nodes: [2, 3, 5] }, is: "MOVE_REFUSED" },
  { name: "to one that joins still", request: {}, state: withState("joining"), is: "MOVE_REFUSED" },
  { name: "to one that drains", request: {}, state: withState("draining"), is: "MOVE_REFUSED" },
  { name: "to one that was removed", request: {}, state: withState("removed"), is: "MOVE_REFUSED" },
  { name: "no such shard", request: { shard: 2 }, is: "DIRECTORY_VALUE" },
  {
    name: "one more, as it should be",
    request: { nodes: [1, 2, 3, 4] },
    state: after(four, { kind: "set", replicas: 4 }),
    is: "change",
  },
  {
    name: "one fewer, as it should be",
    request: { nodes: [2, 3] },
    state: after(four, { kind: "set", replicas: 2 }),
    is: "change",
  },
])("a wish: $name: $is [B-1, B-2, B-3]", ({ request, state = four, is }) => {
  expect(outcomeOf(state, { ...toFour, ...request } as DirectoryRequest)).toBe(is);
});

test("while a replica of a shard moves no other one does, and the move can be taken back whatever became of its target [B-2]", () => {
  const five = after(four, { kind: "join", name: "n5", directoryId: otherId }, { kind: "activate", node: 5 }, toFour);
  expect(outcomeOf(five, { ...toFour, nodes: [2, 3, 5] })).toBe("MOVE_REFUSED");
  expect(outcomeOf(five, toFour)).toBe("unchanged");
  const back: DirectoryRequest = { ...toFour, nodes: [1, 2, 3] };
  expect(outcomeOf(withState("removed", five), back)).toBe("change");
  expect(after(five, back).shards).toEqual(four.shards);
  expect(outcomeOf(after(five, back), back)).toBe("unchanged");
});

test("no node has more replicas coming and going than movesPerNodeMax, whoever decides [B-2]", () => {
  const state = after(four, { kind: "set", movesPerNodeMax: 1 }, toFour);
  expect(outcomeOf(state, { ...toFour, shard: 1, nodes: [1, 3, 4] })).toBe("MOVE_REFUSED");
  expect(outcomeOf(after(state, { kind: "set", movesPerNodeMax: 2 }), { ...toFour, shard: 1, nodes: [1, 3, 4] })).toBe(
    "change",
  );
});

test.for<{ set: Partial<DirectoryRequest>; is: string }>([
  { set: { replicas: 1 }, is: "change" },
  { set: { replicas: 15 }, is: "change" },
  { set: { replicas: 3 }, is: "unchanged" },
  { set: {}, is: "unchanged" },
  { set: { replicas: 0 }, is: "DIRECTORY_VALUE" },
  { set: { replicas: 16 }, is: "DIRECTORY_VALUE" },
  { set: { replicas: 2.5 }, is: "DIRECTORY_VALUE" },
  { set: { replaceAfterMs: 999 }, is: "DIRECTORY_VALUE" },
  { set: { replaceAfterMs: 1_000 }, is: "change" },
  { set: { replaceAfterMs: Number.POSITIVE_INFINITY }, is: "DIRECTORY_VALUE" },
  { set: { movesPerNodeMax: 0 }, is: "DIRECTORY_VALUE" },
  { set: { movesPerNodeMax: 65 }, is: "DIRECTORY_VALUE" },
  { set: { movesPerNodeMax: 64 }, is: "change" },
])("settings $set: $is", ({ set, is }) => {
  expect(outcomeOf(three, { kind: "set", ...set } as DirectoryRequest)).toBe(is);
});

test("several requests are one change, each decided on what those before it leave; refused ones are left out and told", () => {
  const requests: readonly DirectoryRequest[] = [
    joinFour,
    { kind: "activate", node: 4 },
    { kind: "activate", node: 5 },
    toFour,
    { ...toFour, nodes: [1, 2, 4] },
  ];
  const { records, state, refused } = decideAll(three, requests);
  expect(records.map(([key]) => key)).toEqual(["node:4", "shard:0", "next-node"]);
  expect(state).toEqual({ ...after(four, toFour), epoch: 1 });
  expect(withRecords(three, 1, records)).toEqual(state);
  expect(refused.map(({ request, refusal }) => [request, refusal.code])).toEqual([
    [requests[2], "NODE_UNKNOWN"],
    [requests[4], "MOVE_REFUSED"],
  ]);
  expect(decideAll(state, requests.slice(0, 2))).toMatchObject({ records: [], state: { epoch: 1 } });
});
