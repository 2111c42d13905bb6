import { expect, test } from "vitest";
import { adapter } from "./index.ts";

type NodeConfig = Parameters<typeof adapter.createNode>[0];
type Node = ReturnType<typeof adapter.createNode>;

const conf = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
const snapshot = { index: 10, term: 1, conf, data: "" };

function nodesOf(count: number, options: Partial<NodeConfig> = {}): Node[] {
  return Array.from({ length: count }, (_, place) =>
    adapter.createNode({ id: place + 1, electionTick: 3, heartbeatTick: 1, applied: 10, snapshot, ...options }),
  );
}

/** Lets all nodes work, in the order of the port's drivers, until nothing is left. Every value goes through JSON. */
function settle(nodes: readonly Node[]): void {
  for (let isBusy = true; isBusy; ) {
    isBusy = false;
    for (const node of nodes) {
      while (node.hasReady()) {
        isBusy = true;
        const ready = node.ready();
        expect(JSON.parse(JSON.stringify(ready))).toEqual(ready);
        node.persist(ready);
        for (const entry of ready.committedEntries)
          if (entry.conf !== undefined) node.applyConfChange(entry.conf, entry);
        const messages: typeof ready.messages = JSON.parse(JSON.stringify(ready.messages));
        node.advance();
        for (const message of messages) nodes[Number(message.to) - 1]?.step(message);
      }
    }
  }
}

test("every capability is there", () => {
  expect(Object.values(adapter.capabilities)).toEqual([true, true, true, true]);
});

test("three nodes elect the one that campaigns and commit its entries", () => {
  const nodes = nodesOf(3);
  expect(nodes[0]!.propose("too early")).toBe("ProposalDropped");
  nodes[0]!.campaign();
  settle(nodes);
  expect(nodes[0]!.propose("now")).toBe(null);
  expect(nodes[1]!.propose("forwarded")).toBe(null);
  settle(nodes);
  expect(nodes.map((node) => node.status())).toMatchObject([
    { role: "StateLeader", term: 1, vote: 1, lead: 1, commit: 13, applied: 13 },
    { role: "StateFollower", term: 1, vote: 1, lead: 1, commit: 13, progress: {} },
    { role: "StateFollower", term: 1, vote: 1, lead: 1, commit: 13, progress: {} },
  ]);
  expect(nodes[2]!.stableLog()).toEqual({
    firstIndex: 11,
    lastIndex: 13,
    entries: [
      { term: 1, index: 11, type: "EntryNormal" },
      { term: 1, index: 12, type: "EntryNormal", data: "now" },
      { term: 1, index: 13, type: "EntryNormal", data: "forwarded" },
    ],
  });
});

test("a node begins as a follower of term 0 with its snapshot as the start of its log", () => {
  const [node] = nodesOf(1);
  expect(node!.status()).toEqual({
    id: 1,
    role: "StateFollower",
    term: 0,
    vote: 0,
    lead: 0,
    commit: 10,
    applied: 10,
    config: conf,
    progress: {},
  });
  expect([node!.hasReady(), node!.stableLog()]).toEqual([false, { firstIndex: 11, lastIndex: 10, entries: [] }]);
});

test("answers of strangers and messages that do not travel are named as such", () => {
  const [node] = nodesOf(1);
  for (const type of ["MsgAppResp", "MsgVoteResp", "MsgPreVoteResp", "MsgHeartbeatResp", "MsgReadIndexResp"]) {
    expect(node!.step({ type, from: 9, to: 1, term: 5 })).toBe("StepPeerNotFound");
  }
  for (const type of [
    "MsgHup",
    "MsgBeat",
    "MsgUnreachable",
    "MsgSnapStatus",
    "MsgCheckQuorum",
    "MsgStorageApplyResp",
  ]) {
    expect(node!.step({ type, from: 2, to: 1, term: 0 })).toBe("StepLocalMsg");
  }
  expect(node!.status().term).toBe(0);
});

test("with a size of 0 each append holds one entry", () => {
  const nodes = nodesOf(3, { maxSizePerMsg: 0, maxCommittedSizePerReady: 1000 });
  nodes[0]!.campaign();
  settle(nodes.slice(0, 2));
  for (const data of ["a", "b"]) nodes[0]!.propose(data);
  settle(nodes.slice(0, 2));
  nodes[0]!.tick();
  const heartbeat = nodes[0]!.ready().messages.find((message) => message.to === 3);
  nodes[2]!.step(heartbeat!);
  for (const message of nodes[2]!.ready().messages) nodes[0]!.step(message);
  const appends = nodes[0]!.ready().messages.filter((message) => message.type === "MsgApp");
  expect(appends.map(({ to, entries }) => [to, entries?.length])).toEqual([[3, 1]]);
});

test("a restart keeps what was persisted and applies the rest again", () => {
  const nodes = nodesOf(3);
  nodes[0]!.campaign();
  settle(nodes);
  nodes[0]!.propose("a");
  settle(nodes);
  nodes[1]!.propose("never persisted");
  expect(nodes[1]!.restart()).toEqual(snapshot);
  expect(nodes[1]!.status()).toMatchObject({
    role: "StateFollower",
    term: 1,
    vote: 1,
    lead: 0,
    commit: 12,
    applied: 10,
  });
  expect(nodes[1]!.ready().committedEntries.map(({ index }) => index)).toEqual([11, 12]);
  const later = { ...snapshot, index: 12, data: "state" };
  nodes[2]!.checkpoint(later, 11);
  expect(nodes[2]!.restart()).toEqual(later);
  expect(nodes[2]!.stableLog()).toMatchObject({ firstIndex: 12, lastIndex: 12 });
  expect(nodes[2]!.status()).toMatchObject({ commit: 12, applied: 12 });
});

test("what is absent or null is not stored", () => {
  const [node] = nodesOf(1);
  const before = node!.stableLog();
  node!.persist({});
  node!.persist({ hardState: null, entries: null, snapshot: null });
  expect([node!.stableLog(), node!.restart()]).toEqual([before, snapshot]);
});

test("a check of the quorum forgets who was active before it", () => {
  const nodes = nodesOf(3, { checkQuorum: true });
  nodes[0]!.campaign();
  settle(nodes);
  const active = () => Object.values(nodes[0]!.status().progress).map(({ recentActive }) => recentActive);
  expect(active()).toEqual([true, true, true]);
  for (let tick = 0; tick < 3; tick++) nodes[0]!.tick();
  expect(active()).toEqual([true, false, false]);
  settle(nodes.slice(0, 2));
  expect(active()).toEqual([true, true, false]);
});

test("configuration changes come back as they were given, also across messages", () => {
  const nodes = nodesOf(3);
  nodes[0]!.campaign();
  settle(nodes);
  const change = { changes: [{ op: "r" as const, id: 3 }], v1: true };
  nodes[0]!.proposeConfChange(change);
  settle(nodes);
  expect(nodes[1]!.stableLog().entries.at(-1)).toEqual({ term: 1, index: 12, type: "EntryConfChangeV2", conf: change });
  expect(nodes[1]!.status().config.voters).toEqual([1, 2]);
});

test("quorums can be asked for without a node", () => {
  const acked = { 1: 5, 2: 8, 3: 7, 4: 2 };
  expect(adapter.committedIndex({ incoming: [], outgoing: [], acked })).toBe(Number.POSITIVE_INFINITY);
  expect(adapter.committedIndex({ incoming: [1, 2, 3], outgoing: [], acked })).toBe(7);
  expect(adapter.committedIndex({ incoming: [1, 2, 3], outgoing: [3, 4], acked })).toBe(2);
  expect(adapter.voteResult({ incoming: [1, 2, 3], outgoing: [], votes: { 1: true, 2: true } })).toBe("VoteWon");
  expect(adapter.voteResult({ incoming: [1, 2, 3], outgoing: [4], votes: { 1: true, 2: true } })).toBe("VotePending");
  expect(adapter.voteResult({ incoming: [1, 2, 3], outgoing: [4], votes: { 4: false } })).toBe("VoteLost");
});

test("configurations can be changed without a node", () => {
  let tracker = adapter.emptyConfig({ maxInflight: 10 });
  const apply = (kind: "simple" | "enter-joint" | "leave-joint", changes: string, lastIndex: number): string => {
    const ops = { v: "v", l: "l", r: "r", u: "u" } as const;
    const list = changes
      .split(" ")
      .filter(Boolean)
      .map((word) => ({ op: ops[word[0] as "v"], id: Number(word.slice(1)) }));
    const result = adapter.confChange(tracker, { kind, lastIndex, changes: list, autoLeave: true });
    if ("error" in result) return result.error;
    tracker = result;
    return "";
  };
  expect(apply("simple", "v1", 0)).toBe("");
  expect(apply("simple", "v2", 1)).toBe("");
  expect(apply("simple", "l3", 5)).toBe("");
  expect(apply("leave-joint", "", 6)).toBe("can't leave a non-joint config");
  expect(apply("enter-joint", "v3 l2", 7)).toBe("");
  const fresh = {
    state: "StateProbe",
    match: 0,
    paused: false,
    pendingSnapshot: 0,
    recentActive: true,
    inflight: 0,
    inflightFull: false,
  };
  expect(tracker).toEqual({
    config: { voters: [1, 3], votersOutgoing: [1, 2], learners: [], learnersNext: [2], autoLeave: true },
    progress: {
      1: { ...fresh, next: 1, learner: false },
      2: { ...fresh, next: 1, learner: false },
      3: { ...fresh, next: 5, learner: false },
    },
  });
  expect(apply("leave-joint", "", 8)).toBe("");
  expect(tracker.progress[2]?.learner).toBe(true);
});
