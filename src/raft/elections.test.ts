import { expect, test } from "vitest";
import { MemoryLog } from "../../test/raft/memory-log.ts";
import { entriesForTest } from "../../test/raft/messages.ts";
import { configurationOf, seededRandom, TestNetwork } from "../../test/raft/network.ts";
import { RaftCore, type RequestVote, type RequestVoteResponse } from "./index.ts";

test("election timeouts are drawn from [T, 2T), anew at every change of role", () => {
  const seen = new Set<number>();
  const random = seededRandom(3);
  for (let run = 0; run < 300; run++) {
    const core = new RaftCore({
      id: 1,
      electionTicks: 10,
      heartbeatTicks: 1,
      random,
      log: new MemoryLog(),
      hardState: { term: 0, vote: undefined, commit: 0 },
      configuration: configurationOf([1, 2, 3]),
      applied: 0,
      preVote: false,
    });
    let ticks = 0;
    for (; core.role === "follower"; ticks++) core.tick();
    seen.add(ticks);
    // The candidate draws another one, for its next attempt.
    for (ticks = 0; core.term === 1; ticks++) core.tick();
    seen.add(ticks);
  }
  expect([...seen].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
});

test("a group without a leader elects one, and only one [I-1]", () => {
  const network = new TestNetwork([1, 2, 3, 4, 5]);
  network.tick(60);
  const { leader } = network;
  for (const node of network.nodes.values()) {
    expect(node.core.leader).toBe(leader.id);
    expect(node.core.term).toBe(leader.term);
  }
});

test("a replica that is alone in its group elects itself at its first timeout", () => {
  const network = new TestNetwork([1]);
  network.tick(20);
  expect(network.leader.id).toBe(1);
  expect(network.leader.commitIndex).toBe(1);
});

function vote(core: RaftCore, from: number, request: Partial<RequestVote>): RequestVoteResponse | undefined {
  core.step({
    type: "requestVote",
    from,
    to: core.id,
    term: 2,
    isPreVote: false,
    lastIndex: 3,
    lastTerm: 1,
    isTransfer: false,
    ...request,
  });
  const { persist, messages } = core.ready();
  if (persist !== undefined) core.persisted(persist.id);
  const found = [...messages, ...(persist?.messages ?? [])].find((message) => message.type === "requestVoteResponse");
  return found?.type === "requestVoteResponse" ? found : undefined;
}

/** A follower in term 1 with three entries of that term. */
function voter(options: { vote?: number; term?: number; checkQuorum?: boolean } = {}): RaftCore {
  const log = new MemoryLog();
  log.append(entriesForTest(1, 3, 1));
  return new RaftCore({
    id: 1,
    electionTicks: 10,
    heartbeatTicks: 1,
    random: seededRandom(1),
    log,
    hardState: { term: options.term ?? 1, vote: options.vote, commit: 0 },
    configuration: configurationOf([1, 2, 3]),
    applied: 0,
    checkQuorum: options.checkQuorum ?? true,
  });
}

test.for([
  { name: "as long", lastIndex: 3, lastTerm: 1, granted: true },
  { name: "longer", lastIndex: 4, lastTerm: 1, granted: true },
  { name: "shorter", lastIndex: 2, lastTerm: 1, granted: false },
  { name: "shorter, of a later term", lastIndex: 1, lastTerm: 2, granted: true },
  { name: "longer, of an earlier term", lastIndex: 9, lastTerm: 0, granted: false },
])("votes and pre-votes go to a log that is $name: $granted (§5.4.1) [E-3]", ({ lastIndex, lastTerm, granted }) => {
  expect(vote(voter(), 2, { lastIndex, lastTerm })?.granted).toBe(granted);
  expect(vote(voter(), 2, { lastIndex, lastTerm, isPreVote: true })?.granted).toBe(granted);
});

test("in one term a replica votes for one candidate only, and again for the same one [I-2]", () => {
  const core = voter();
  expect(vote(core, 2, {})).toMatchObject({ granted: true, term: 2 });
  expect(vote(core, 3, {})).toMatchObject({ granted: false, term: 2 });
  expect(vote(core, 2, {})).toMatchObject({ granted: true, term: 2 });
});

test("nobody votes twice in a term, also across a restart [E-3]", () => {
  const core = voter({ term: 2, vote: 2 });
  expect(vote(core, 3, {})?.granted).toBe(false);
  expect(vote(core, 2, {})?.granted).toBe(true);
});

test("a pre-vote changes neither term nor vote, and any number of replicas may get one", () => {
  const core = voter();
  expect(vote(core, 2, { isPreVote: true })).toMatchObject({ granted: true, term: 2, isPreVote: true });
  expect(vote(core, 3, { isPreVote: true })).toMatchObject({ granted: true, term: 2, isPreVote: true });
  expect([core.term, core.status().vote]).toEqual([1, undefined]);
});

test("a voter that heard from its leader within T looks at no vote of a later term, except in a transfer", () => {
  for (const isPreVote of [false, true]) {
    const core = voter();
    core.step({ type: "heartbeat", from: 2, to: 1, term: 1, commit: 0, readRound: 0 });
    core.ready();
    for (let i = 0; i < 9; i++) core.tick();
    expect(vote(core, 3, { isPreVote })).toBe(undefined);
    expect(core.term).toBe(1);
    core.tick();
    expect(vote(core, 3, { isPreVote })?.granted).toBe(true);
  }
  const core = voter();
  core.step({ type: "heartbeat", from: 2, to: 1, term: 1, commit: 0, readRound: 0 });
  core.ready();
  expect(vote(core, 3, { isTransfer: true })?.granted).toBe(true);
});

test("a follower whose host knows that the leader is gone votes at once", () => {
  const core = voter();
  core.step({ type: "heartbeat", from: 2, to: 1, term: 1, commit: 0, readRound: 0 });
  core.ready();
  core.forgetLeader();
  expect(core.leader).toBe(undefined);
  expect(vote(core, 3, {})?.granted).toBe(true);
});

test("a learner that is asked votes: the candidate may know a newer configuration [E-3]", () => {
  const log = new MemoryLog();
  const core = new RaftCore({
    id: 4,
    electionTicks: 10,
    heartbeatTicks: 1,
    random: seededRandom(1),
    log,
    hardState: { term: 1, vote: undefined, commit: 0 },
    configuration: configurationOf([1, 2, 3], [4]),
    applied: 0,
  });
  expect(vote(core, 2, {})?.granted).toBe(true);
  // Itself it does not stand.
  for (let i = 0; i < 50; i++) core.tick();
  core.campaign();
  expect(core.role).toBe("follower");
});

test("a candidate that loses, or meets the leader of its term, follows", () => {
  const network = new TestNetwork([1, 2, 3], { preVote: false });
  network.core(1).campaign();
  network.core(2).campaign();
  network.settle();
  network.tick(60);
  const { leader } = network;
  for (const node of network.nodes.values()) {
    expect(node.core.role).toBe(node.id === leader.id ? "leader" : "follower");
  }
});

test("a node that was cut off raises nobody's term and does not depose the leader when it returns", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  const { term } = network.leader;
  network.isolate(3);
  network.tick(100);
  expect(network.core(3).role).toBe("preCandidate");
  expect(network.core(3).term).toBe(term);
  network.heal();
  network.tick(5);
  expect(network.leader.id).toBe(1);
  expect(network.leader.term).toBe(term);
  expect(network.core(3).leader).toBe(1);
});

test("a leader without an active quorum steps down at the check after the next, so within 2T", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.isolate(1);
  network.tick(20);
  expect(network.core(1).role).not.toBe("leader");
});

test("a leader with one of two followers answering goes on", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.isolate(3);
  network.tick(60);
  expect(network.leader.id).toBe(1);
});

test("a leader that can send and not receive steps down within 2T, and the rest elect within 3T after [E-5]", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.isLost = (message) => message.to === 1;
  network.tick(20);
  expect(network.core(1).role).not.toBe("leader");
  network.tick(30);
  expect([2, 3].some((id) => network.core(id).role === "leader")).toBe(true);
});

test("a leader that can receive and not send is replaced within 3T [E-5]", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.isLost = (message) => message.from === 1;
  network.tick(30);
  expect([2, 3].some((id) => network.core(id).role === "leader")).toBe(true);
  expect(network.core(1).role).not.toBe("leader");
});

test("a node that cannot hear does not depose the leader [E-5]", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.isLost = (message) => message.to === 3;
  network.tick(100);
  expect(network.leader.id).toBe(1);
  expect(network.leader.term).toBe(1);
});

test("a node with a higher term and a shorter log neither blocks the group nor is blocked for ever [E-6]", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.isolate(3);
  network.propose(1, "a", "b");
  // It comes back from a time before pre-votes: its term has risen while it was alone.
  const node = network.node(3);
  node.disk.hardState = { ...node.disk.hardState, term: 9 };
  node.restart();
  network.heal();
  network.tick(60);
  expect(network.core(3).role).toBe("follower");
  expect(network.leader.term).toBeGreaterThanOrEqual(9);
  expect(node.appliedTexts).toEqual(["a", "b"]);
});

test("who has a committed configuration change yet to apply does not stand for election", () => {
  const log = new MemoryLog();
  const change = { transition: "auto" as const, changes: [{ action: "remove" as const, replica: 3 }] };
  log.append([{ kind: "configuration", term: 1, index: 1, change }]);
  const core = new RaftCore({
    id: 1,
    electionTicks: 10,
    heartbeatTicks: 1,
    random: seededRandom(1),
    log,
    hardState: { term: 1, vote: undefined, commit: 1 },
    configuration: configurationOf([1, 2, 3]),
    applied: 0,
  });
  core.campaign();
  expect(core.role).toBe("follower");
  const { apply } = core.ready();
  expect(apply).toHaveLength(1);
  core.applyConfigurationChange(change);
  core.applied(1);
  core.campaign();
  expect(core.role).toBe("preCandidate");
});
