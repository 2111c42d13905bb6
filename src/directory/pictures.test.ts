import { expect, test } from "vitest";
import { decideAll } from "./decide.ts";
import type { DirectoryState } from "./directory-state.ts";
import { type DirectoryFacts, readFacts, textOfFacts } from "./facts.ts";
import { genesis } from "./genesis.ts";
import { pictureHeld } from "./held-moves.ts";
import { pictureKey, pictureMoves, pictureNodes, pictureShards, pictureSpread } from "./pictures.ts";
import type { DirectoryRequest } from "./request.ts";
import { joinsOf, whatIf } from "./what-if.ts";

function after(state: DirectoryState, ...requests: readonly DirectoryRequest[]): DirectoryState {
  const decided = decideAll(state, requests);
  for (const { refusal } of decided.refused) throw refusal;
  return decided.state;
}

/** Four nodes with four shards on three of them each; n4 came last, shard 0 moves there from n1; n3 does not answer. */
function facts(): DirectoryFacts {
  const three = genesis({ names: ["n1", "n2", "n3"], shardCount: 4 });
  const state = after(
    three,
    {
      kind: "join",
      name: "n4",
      directoryId: "4".repeat(32),
      zone: "b",
      weight: 200,
      peerAddress: { host: "::1", port: 9 },
    },
    { kind: "activate", node: 4 },
    { kind: "wish", shard: 0, nodes: [2, 3, 4], configurationIndex: 0 },
    {
      kind: "report",
      shard: 1,
      report: { configurationIndex: 7, voters: [1, 2, 3], learners: [65_540], highestReplica: 65_540 },
    },
    { kind: "decommission", node: 3, isForced: false },
  );
  return { state, leaders: [1, 2, undefined, 1], heard: new Set([1, 2, 4]) };
}

test("nodes: what each is, has and leads; removed ones only when they are asked for", () => {
  const given = facts();
  const [first, , third, fourth] = pictureNodes(given);
  expect(first).toEqual({
    id: 1,
    name: "n1",
    state: "active",
    isDecommissioned: false,
    isUp: true,
    zone: "",
    weight: 100,
    peer: null,
    replicas: 4,
    leads: 2,
    coming: 0,
    going: 1,
  });
  expect(third).toMatchObject({ state: "draining", isDecommissioned: true, isUp: false });
  expect(fourth).toMatchObject({ zone: "b", weight: 200, peer: "[::1]:9", replicas: 0, coming: 1, going: 0 });
  const removed = after(given.state, { kind: "remove", node: 3, heard: new Set([1, 2, 4]), isForced: true });
  expect(pictureNodes({ ...given, state: removed }).map(({ name }) => name)).toEqual(["n1", "n2", "n4"]);
  expect(pictureNodes({ ...given, state: removed }, true)).toHaveLength(4);
});

test("shards: who keeps them, who answers, what moves", () => {
  const shards = pictureShards(facts());
  expect(shards[0]).toEqual({
    shard: 0,
    slots: { first: 0, last: 4_095 },
    leader: "n1",
    replicas: ["n1", "n2", "n3"],
    learners: [],
    live: ["n1", "n2"],
    hasMajority: true,
    move: { from: "n1", to: "n4" },
  });
  expect(shards[1]).toMatchObject({ learners: ["n4"], move: null });
  expect(shards[2]?.leader).toBeNull();
  expect(pictureMoves(facts().state)).toEqual([{ shard: 0, from: "n1", to: "n4" }]);
  expect(pictureShards({ ...facts(), heard: new Set([1]) })[0]?.hasMajority).toBe(false);
});

test("a key's shard is that of its slot, and of its hash tag", () => {
  expect(pictureKey(facts(), "foo")).toEqual({
    key: "foo",
    slot: 12_182,
    shard: 2,
    slots: { first: 8_192, last: 12_287 },
    leader: null,
    replicas: ["n1", "n2", "n3"],
  });
  expect(pictureKey(facts(), "a{foo}b").slot).toBe(12_182);
  expect(pictureKey(facts(), "héllo wörld").slot).toBeLessThan(16_384);
});

test("the spread: replicas wished, fair shares by weight, slots led", () => {
  const { nodes, ...rest } = pictureSpread(facts());
  expect(rest).toEqual({ epoch: 1, shards: 4, replicas: 3 });
  expect(nodes.map(({ name, replicas, ledSlots }) => [name, replicas, ledSlots])).toEqual([
    ["n1", 3, 0.5],
    ["n2", 4, 0.25],
    ["n3", 4, 0],
    ["n4", 1, 0],
  ]);
  expect(nodes.filter(({ isUp }) => !isUp).map(({ name }) => name)).toEqual(["n3"]);
  expect(nodes.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
  expect(nodes.map(({ fairShare }) => fairShare)).toEqual([4, 4, 0, 4]);
});

test("a node's answer is read as it was written", () => {
  const given = facts();
  expect(readFacts(textOfFacts(given))).toEqual(given);
  const odd = after(given.state, { kind: "remove", node: 3, heard: new Set([1, 2, 4]), isForced: true });
  expect(readFacts(textOfFacts({ ...given, state: odd })).state).toEqual(odd);
});

test.for<{ name: string; spoil: (fields: Record<string, unknown>) => unknown }>([
  { name: "is of another version", spoil: (fields) => ({ ...fields, version: 2 }) },
  { name: "has no epoch", spoil: (fields) => ({ ...fields, epoch: -1 }) },
  { name: "has no records", spoil: (fields) => ({ ...fields, records: 7 }) },
  { name: "has a record too little", spoil: (fields) => ({ ...fields, records: [["settings", "{}"]] }) },
  { name: "has no shard", spoil: (fields) => ({ ...fields, records: recordsWithout(fields, "shard:") }) },
  { name: "lacks its settings", spoil: (fields) => ({ ...fields, records: recordsWithout(fields, "settings") }) },
  { name: "lacks a shard", spoil: (fields) => ({ ...fields, records: recordsWithout(fields, "shard:1") }) },
  { name: "has leaders of other shards", spoil: (fields) => ({ ...fields, leaders: [null] }) },
  { name: "has a leader without a number", spoil: (fields) => ({ ...fields, leaders: [0, 0, 0, 0] }) },
  { name: "has heard nobody knows whom", spoil: (fields) => ({ ...fields, heard: ["n1"] }) },
  { name: "is a list", spoil: () => [] },
])("an answer that $name is refused", ({ spoil }) => {
  const fields: Record<string, unknown> = JSON.parse(textOfFacts(facts()));
  expect(() => readFacts(JSON.stringify(spoil(fields)))).toThrow(expect.objectContaining({ code: "DIRECTORY_RECORD" }));
});

function recordsWithout(fields: Record<string, unknown>, prefix: string): unknown {
  const { records } = fields;
  return Array.isArray(records) ? records.filter(([key]) => !String(key).startsWith(prefix)) : records;
}

test("no JSON at all is refused", () => {
  expect(() => readFacts("{")).toThrow(expect.objectContaining({ code: "DIRECTORY_RECORD" }));
});

test("what a node more would move is said without any change: its fair share, to it alone", () => {
  const state = genesis({ names: ["n1", "n2", "n3"], shardCount: 64 });
  const text = JSON.stringify(state);
  const { plan, isUnchanged } = whatIf(state, joinsOf(state, 1));
  expect(isUnchanged).toBe(false);
  expect(plan.replicas).toBe(192);
  expect(plan.moves).toHaveLength(48);
  expect(new Set(plan.moves.map(({ to }) => to))).toEqual(new Set(["new-1"]));
  expect(plan.loads.map(({ id, after: load }) => [id, load])).toEqual([
    ["n1", 48],
    ["n2", 48],
    ["n3", 48],
    ["new-1", 48],
  ]);
  expect(JSON.stringify(state)).toBe(text);
});

test("nodes to be joined have names that nobody has", () => {
  const state = after(
    genesis({ names: ["n1"], shardCount: 1 }),
    ...joinsOf(genesis({ names: ["n1"], shardCount: 1 }), 2),
  );
  const next = after(state, ...joinsOf(state, 2));
  expect(next.nodes.map(({ id, name }) => `${id} ${name}`)).toEqual([
    "1 n1",
    "2 new-1",
    "3 new-2",
    "4 new-3",
    "5 new-4",
  ]);
});

test("what a node less would move: what it had; where it cannot be done without, the directory's refusal", () => {
  const state = genesis({ names: ["n1", "n2", "n3", "n4"], shardCount: 16, replicas: 3 });
  const held = state.shards.filter(({ wish }) => wish.includes(2)).length;
  const { plan } = whatIf(state, [{ kind: "drain", node: 2, isForced: false }]);
  expect(plan.moves).toHaveLength(held);
  expect(plan.moves.every(({ from, reason }) => from === "n2" && reason === "left")).toBe(true);
  const three = genesis({ names: ["n1", "n2", "n3"], shardCount: 2 });
  expect(() => whatIf(three, [{ kind: "drain", node: 2, isForced: false }])).toThrow(
    expect.objectContaining({ code: "TOO_FEW_NODES" }),
  );
  expect(whatIf(three, [])).toMatchObject({ isUnchanged: true, begun: [], plan: { moves: [] } });
});

test("moves that cannot begin, or not go on, are said with their reasons, each once", () => {
  expect(pictureHeld(facts())).toEqual([{ reason: "a replica of the shard is being made anew", shards: [1] }]);
  expect(pictureHeld({ ...facts(), heard: new Set([1, 2, 3]) })).toEqual([
    { reason: "no node that is heard could take the replica", shards: [1, 2, 3] },
    { reason: "n4 is away", shards: [0] },
  ]);
  const rest = genesis({ names: ["n1", "n2", "n3"], shardCount: 4 });
  expect(pictureHeld({ state: rest, heard: new Set([1]) })).toEqual([]);
});

test("a move by hand is said beside what follows from it", () => {
  const state = genesis({ names: ["n1", "n2", "n3", "n4"], shardCount: 16, replicas: 3 });
  const [{ wish = [] } = {}] = state.shards;
  const to = [1, 2, 3, 4].find((id) => !wish.includes(id)) ?? 0;
  const nodes = [...wish.slice(1), to].sort((a, b) => a - b);
  const found = whatIf(state, [{ kind: "wish", shard: 0, nodes, configurationIndex: 0 }]);
  expect(found.begun).toEqual([{ shard: 0, from: `n${wish[0]}`, to: `n${to}` }]);
  expect(found.plan.moves).toEqual([]);
});
