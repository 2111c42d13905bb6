import { expect, test } from "vitest";
import { MemoryLog } from "../../test/raft/memory-log.ts";
import { entriesForTest } from "../../test/raft/messages.ts";
import { bytesOf, configurationOf, seededRandom, TestNetwork, textOf } from "../../test/raft/network.ts";
import { type AppendEntries, type AppendEntriesResponse, type Message, RaftCore, type Term } from "./index.ts";

function appendsTo(id: number, messages: readonly Message[]): AppendEntries[] {
  return messages.filter((message): message is AppendEntries => message.type === "appendEntries" && message.to === id);
}

/** A follower in `term` with entries of the given terms. */
function follower(terms: readonly Term[], commit = 0, term = 9): { core: RaftCore; log: MemoryLog } {
  const log = new MemoryLog();
  log.append(terms.map((one, offset) => entriesForTest(offset + 1, 1, one)[0]!));
  const core = new RaftCore({
    id: 1,
    electionTicks: 10,
    heartbeatTicks: 1,
    random: seededRandom(1),
    log,
    hardState: { term, vote: undefined, commit },
    configuration: configurationOf([1, 2, 3]),
    applied: commit,
  });
  return { core, log };
}

function answerTo(
  { core, log }: { core: RaftCore; log: MemoryLog },
  append: { at: number; term: Term; entries?: readonly Term[]; commit?: number },
): AppendEntriesResponse {
  const entries = (append.entries ?? []).map((term, offset) => entriesForTest(append.at + 1 + offset, 1, term)[0]!);
  const { at: previousIndex, term: previousTerm, commit } = append;
  core.step({
    type: "appendEntries",
    from: 2,
    to: 1,
    term: core.term,
    previousIndex,
    previousTerm,
    entries,
    commit: commit ?? 0,
  });
  const { persist, messages } = core.ready();
  if (persist !== undefined) {
    log.append(persist.entries);
    core.persisted(persist.id);
  }
  const answer = [...messages, ...(persist?.messages ?? [])].find((one) => one.type === "appendEntriesResponse");
  if (answer?.type !== "appendEntriesResponse") throw new Error("no answer");
  return answer;
}

test("what is proposed is applied everywhere, once and in order", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.propose(1, "a", "b", "c");
  for (const node of network.nodes.values()) expect(node.appliedTexts).toEqual(["a", "b", "c"]);
});

test("a new leader appends an empty entry of its own term at once, and so learns what is committed [E-2]", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.propose(1, "a");
  for (const id of [1, 2, 3]) network.crash(id);
  for (const id of [1, 2, 3]) {
    // The commit index is a hint, and here it is lost.
    const node = network.node(id);
    node.disk.hardState = { ...node.disk.hardState, commit: 0 };
    node.restart();
    expect(node.core.commitIndex).toBe(0);
  }
  const leader = network.elect(2);
  expect(leader.commitIndex).toBe(leader.lastIndex);
  const last = network.node(2).applied.get(leader.lastIndex)!;
  expect([last.term, textOf(last)]).toEqual([leader.term, ""]);
  for (const node of network.nodes.values()) expect(node.appliedTexts).toEqual(["a"]);
});

test.for([
  { name: "beyond the end of the log", terms: [1, 1, 2], at: 9, term: 4, hint: { index: 3, term: 2 } },
  { name: "of another term", terms: [1, 1, 2, 2], at: 4, term: 3, hint: { index: 4, term: 2 } },
  {
    name: "of an earlier term than a long tail",
    terms: [1, 3, 3, 4, 4, 5, 5, 5, 6],
    at: 8,
    term: 3,
    hint: { index: 3, term: 3 },
  },
  { name: "into an empty log", terms: [], at: 5, term: 2, hint: { index: 0, term: 0 } },
])("a follower refuses an append $name and hints where the logs may agree", ({ terms, at, term, hint }) => {
  expect(answerTo(follower(terms), { at, term })).toMatchObject({
    rejected: true,
    index: at,
    hintIndex: hint.index,
    hintTerm: hint.term,
  });
});

test("an append that ends before the commit index is answered with the commit index, not refused [E-11]", () => {
  const node = follower([1, 1, 2, 2], 3);
  expect(answerTo(node, { at: 1, term: 7, entries: [7] })).toMatchObject({ rejected: false, index: 3 });
  expect(node.core.lastIndex).toBe(4);
});

test("a follower commits what the leader committed, as far as its own log is known to match", () => {
  const node = follower([1, 1, 1, 1]);
  answerTo(node, { at: 2, term: 1, commit: 9 });
  expect(node.core.commitIndex).toBe(2);
  answerTo(node, { at: 2, term: 1, entries: [1], commit: 9 });
  expect(node.core.commitIndex).toBe(3);
});

test("appends that come twice or out of order have no effect [E-12]", () => {
  const node = follower([1, 1]);
  const first = { at: 2, term: 1, entries: [2, 2], commit: 3 };
  const second = { at: 4, term: 2, entries: [3], commit: 5 };
  for (const append of [second, first, second, first, second]) answerTo(node, append);
  expect(node.log.all.map((entry) => entry.term)).toEqual([1, 1, 2, 2, 3]);
  expect(node.core.commitIndex).toBe(5);
});

test("a message to another replica id, or an answer of one that is no member, is dropped [C-4] [E-12]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  const stray = { type: "appendEntriesResponse", rejected: false, index: 99, hintIndex: 0, hintTerm: 0 } as const;
  leader.step({ ...stray, from: 7, to: 1, term: leader.term + 5 });
  leader.step({ ...stray, from: 2, to: 4, term: leader.term });
  leader.step({ ...stray, from: 1, to: 1, term: leader.term });
  expect([leader.role, leader.commitIndex, leader.hasReady()]).toEqual(["leader", 1, false]);
});

test("an entry of an earlier term is not committed by counting, only with one of the leader's own (Figure 8) [E-1]", () => {
  const network = new TestNetwork([1, 2, 3, 4, 5], { messageBytesMax: 1 });
  network.elect(1);
  // Term 1's leader gets its entry to 2 only.
  network.isLost = (message) => message.type === "appendEntries" && message.to !== 2;
  network.propose(1, "old");
  network.heal();
  network.crash(1);
  // Another leader wins without it, and fails before its own first entry leaves.
  network.isLost = (message) => message.type === "appendEntries";
  const other = network.elect(5);
  expect(other.term).toBeGreaterThan(1);
  network.crash(5);
  network.heal();
  // The first leader returns, and its old entry reaches a majority. Its own new entry does not.
  network.node(1).restart();
  network.isLost = (message) =>
    message.type === "appendEntries" && message.previousIndex >= 2 && network.core(message.to).lastIndex >= 2;
  const returned = network.elect(1);
  network.settle();
  expect(returned.status().progress.filter(({ matchIndex }) => matchIndex >= 2).length).toBeGreaterThanOrEqual(3);
  expect(returned.commitIndex).toBeLessThan(2);
  network.heal();
  network.tick(3);
  expect(returned.commitIndex).toBe(returned.lastIndex);
});

test("with every append in flight lost, replication starts again within one heartbeat [E-8]", () => {
  const network = new TestNetwork([1, 2, 3], { inflightMessagesMax: 2 });
  const leader = network.elect(1);
  network.isolate(3);
  for (let i = 0; i < 6; i++) leader.propose(bytesOf(`${i}`));
  network.settle();
  expect(leader.status().progress[2]).toMatchObject({ isInflightFull: true, isPaused: true });
  network.heal();
  network.tick(1);
  expect(network.core(3).lastIndex).toBe(leader.lastIndex);
  expect(network.core(3).commitIndex).toBe(leader.commitIndex);
});

test("the leader sends ahead of acknowledgements as far as its window reaches, one append for each proposal", () => {
  const network = new TestNetwork([1, 2], { inflightMessagesMax: 3 });
  const leader = network.elect(1);
  for (let i = 0; i < 5; i++) leader.propose(bytesOf(`${i}`));
  const sent = appendsTo(2, network.node(1).takeReady());
  expect(sent.map(({ entries }) => entries.length)).toEqual([1, 1, 1]);
  expect(leader.status().progress[1]).toMatchObject({ inflightCount: 3, isPaused: true });
});

test("the window is limited by bytes too", () => {
  const network = new TestNetwork([1, 2], { inflightBytesMax: 1000, messageBytesMax: 1000 });
  const leader = network.elect(1);
  for (let i = 0; i < 5; i++) leader.propose(new Uint8Array(400));
  expect(appendsTo(2, network.node(1).takeReady()).map(({ entries }) => entries.length)).toEqual([1, 1, 1]);
});

test("whoever is to be sent more at once is sent it in one append, without another append before", () => {
  const network = new TestNetwork([1, 2, 3], { messageBytesMax: (to) => (to === 3 ? 1_000 : 100) });
  const leader = network.elect(1);
  network.isLost = (message) => message.type === "appendEntries";
  for (let count = 0; count < 5; count++) leader.propose(new Uint8Array(90));
  network.settle();
  network.heal();
  const sent: Message[] = [];
  network.isLost = (message) => {
    if (message.type === "appendEntries" && message.entries.length > 0) sent.push(message);
    return false;
  };
  network.tick(4);
  expect(appendsTo(2, sent).map(({ entries }) => entries.length)).toEqual([1, 1, 1, 1, 1]);
  expect(appendsTo(3, sent).map(({ entries }) => entries.length)).toEqual([5]);
  expect(network.core(3).lastIndex).toBe(leader.lastIndex);
});

test("appends are limited by bytes, and a single entry always passes", () => {
  const network = new TestNetwork([1, 2], { messageBytesMax: 100 });
  const leader = network.elect(1);
  network.isolate(2);
  for (const size of [10, 10, 10, 500, 90, 10]) leader.propose(new Uint8Array(size));
  network.settle();
  network.heal();
  network.isLost = (message) => message.to === 2 && message.type === "appendEntries" && message.entries.length > 0;
  leader.reportUnreachable(2);
  for (let i = 0; i < 30 && leader.status().progress[1]!.kind !== "replicate"; i++) {
    network.heal();
    network.tick(1);
  }
  expect(network.core(2).lastIndex).toBe(leader.lastIndex);
  const stored = network.node(2).log.all.map((entry) => (entry.kind === "normal" ? entry.data.length : -1));
  expect(stored).toEqual([0, 10, 10, 10, 500, 90, 10]);
});

test("a follower that lacks only the commit index gets it at once", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.propose(1, "a");
  for (const id of [2, 3]) expect(network.core(id).commitIndex).toBe(2);
});

test("a heartbeat carries the commit index only as far as the follower's log is known to match [E-10]", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.isolate(3);
  network.propose(1, "a", "b");
  network.core(1).tick();
  const heartbeats = network
    .node(1)
    .takeReady()
    .filter((message) => message.type === "heartbeat");
  expect(heartbeats.map(({ to, commit }) => [to, commit])).toEqual([
    [2, 3],
    [3, 1],
  ]);
});

test("an unreachable follower is probed with one append at a time", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  leader.reportUnreachable(2);
  for (let i = 0; i < 5; i++) leader.propose(bytesOf(`${i}`));
  const messages = network.node(1).takeReady();
  expect(appendsTo(2, messages)).toHaveLength(1);
  expect(appendsTo(3, messages)).toHaveLength(5);
});

/** A leader that has sent a probe with entries to 2, and the appends that each further heartbeat's answer draws. */
function slowProbe(): { network: TestNetwork; leader: RaftCore; heard: () => AppendEntries[]; probe: AppendEntries } {
  const network = new TestNetwork([1, 2, 3], { heartbeatsOvertake: true });
  const leader = network.elect(1);
  leader.reportUnreachable(2);
  for (let i = 0; i < 5; i++) leader.propose(bytesOf(`${i}`));
  const sent = network.node(1).takeReady();
  const heard = (): AppendEntries[] => {
    leader.step({ type: "heartbeatResponse", from: 2, to: 1, term: leader.term, readRound: 0 });
    // What is proposed meanwhile draws nothing.
    leader.propose(bytesOf("more"));
    return appendsTo(2, network.node(1).takeReady());
  };
  return { network, leader, heard, probe: appendsTo(2, sent)[0]! };
}

test("where heartbeats overtake appends, the entries of a probe go out once, however long they take", () => {
  const { network, leader, heard, probe } = slowProbe();
  expect(probe.entries.length).toBe(1);
  const later = Array.from({ length: 300 }, heard).flat();
  expect(later).toHaveLength(300);
  expect(later.every(({ entries, previousIndex }) => entries.length === 0 && previousIndex === 1)).toBe(true);
  // The follower gets all of it in the end, in order.
  network.messages.push(probe, ...later);
  network.settle();
  expect(leader.status().progress[1]).toMatchObject({ kind: "replicate", matchIndex: leader.lastIndex });
});

test("where heartbeats overtake appends, a probe that was lost is made up for within one heartbeat [E-8]", () => {
  const { network, leader, heard } = slowProbe();
  network.messages.push(...heard());
  network.settle();
  expect(network.core(2).lastIndex).toBe(leader.lastIndex);
});

test("where heartbeats overtake appends, heartbeats ask only those who acknowledge nothing [E-8]", () => {
  const network = new TestNetwork([1, 2, 3], { heartbeatsOvertake: true });
  const leader = network.elect(1);
  network.tick(1);
  leader.propose(bytesOf("a"));
  const [first] = appendsTo(2, network.node(1).takeReady());
  const heard = (from: number): AppendEntries[] => {
    leader.step({ type: "heartbeatResponse", from, to: 1, term: leader.term, readRound: 0 });
    return appendsTo(from, network.node(1).takeReady());
  };
  expect(heard(2).map(({ entries, previousIndex }) => [entries.length, previousIndex])).toEqual([[0, 2]]);
  network.messages.push(first!);
  network.settle();
  leader.propose(bytesOf("b"));
  network.node(1).takeReady();
  expect(heard(2)).toEqual([]);
  // It has acknowledged nothing since, and "b" never comes to it.
  const asked = heard(2);
  expect(asked).toHaveLength(1);
  network.messages.push(...asked);
  network.settle();
  expect(network.core(2).lastIndex).toBe(leader.lastIndex);
});

test("an old refusal does no harm to a follower that has caught up since [E-9]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.propose(1, "a", "b");
  const before = leader.status();
  leader.step({
    type: "appendEntriesResponse",
    from: 2,
    to: 1,
    term: leader.term,
    index: 1,
    rejected: true,
    hintIndex: 0,
    hintTerm: 0,
  });
  expect(leader.status()).toEqual(before);
  expect(leader.hasReady()).toBe(false);
});

test.for([
  {
    name: "the follower's tail is of older terms",
    leader: [1, 3, 3, 3, 5, 5, 5, 5, 5],
    follower: [1, 1, 1, 1, 2, 2],
    probes: 2,
  },
  {
    name: "the follower's tail is of newer terms",
    leader: [1, 3, 3, 3, 3, 3, 3, 3, 7],
    follower: [1, 3, 3, 4, 4, 5, 5, 5, 6],
    probes: 3,
  },
  { name: "the follower only lacks entries", leader: [1, 1, 1, 2, 2, 2], follower: [1], probes: 2 },
])(
  "one probe for each differing term finds the place where logs part: $name",
  ({ leader: own, follower: other, probes }) => {
    const network = new TestNetwork([1, 2, 3], { preVote: false });
    for (const [id, terms] of [
      [1, own],
      [2, other],
      [3, own],
    ] as const) {
      const node = network.node(id);
      node.disk.log.append(terms.map((term, offset) => entriesForTest(offset + 1, 1, term)[0]!));
      node.disk.hardState = { term: 8, vote: undefined, commit: 0 };
      node.restart();
    }
    network.isLost = (message) => message.to === 2 && message.type === "requestVote";
    let probeCount = 0;
    const { isLost } = network;
    network.isLost = (message) => {
      if (message.type === "appendEntries" && message.to === 2 && message.entries.length > 0) probeCount++;
      return isLost(message);
    };
    const leader = network.elect(1);
    expect(network.core(2).lastIndex).toBe(leader.lastIndex);
    expect(network.node(2).log.all).toEqual(network.node(1).log.all);
    expect(probeCount).toBe(probes);
  },
);

test("a follower whose entries must come from disk is served when they are there", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.isolate(3);
  network.propose(1, "a", "b");
  network.node(1).log.unavailableUpTo = 3;
  network.heal();
  network.tick(2);
  expect(network.core(3).lastIndex).toBe(1);
  network.node(1).log.unavailableUpTo = 0;
  leader.entriesAvailable();
  network.settle();
  expect(network.node(3).appliedTexts).toEqual(["a", "b"]);
});

test("proposals beyond the limit of uncommitted bytes are refused, empty ones and the first never", () => {
  const network = new TestNetwork([1, 2, 3], { uncommittedBytesMax: 100 });
  const leader = network.elect(1);
  network.isolate(1);
  expect(leader.propose(new Uint8Array(150))).toEqual({ index: 2, term: 1 });
  expect(leader.propose(new Uint8Array(1))).toEqual({ refused: "uncommittedBytes" });
  expect(leader.propose(new Uint8Array(0))).toEqual({ index: 3, term: 1 });
  network.heal();
  network.tick(2);
  expect(leader.propose(new Uint8Array(60))).toEqual({ index: 4, term: 1 });
  expect(leader.propose(new Uint8Array(60))).toEqual({ refused: "uncommittedBytes" });
});

test("only a leader takes proposals", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  expect(network.core(2).propose(bytesOf("a"))).toEqual({ refused: "notLeader" });
  expect(network.core(2).forward(bytesOf("a"))).toBe(false);
});

test("a follower forwards proposals once, never in a circle", () => {
  const network = new TestNetwork([1, 2, 3], { forwarding: "once" });
  network.elect(1);
  expect(network.core(2).forward(bytesOf("a"))).toBe(true);
  network.settle();
  expect(network.node(3).appliedTexts).toEqual(["a"]);
  const proposals = [{ kind: "normal" as const, data: bytesOf("b") }];
  network.core(3).step({ type: "forwardedProposal", from: 2, to: 3, term: 0, proposals });
  expect(network.core(3).hasReady()).toBe(false);
});

test("a leader takes what others forward only where forwarding is on, and never a change of the configuration", () => {
  const proposals = [{ kind: "normal" as const, data: bytesOf("b") }];
  const change = { transition: "auto" as const, changes: [{ action: "remove" as const, replica: 3 }] };
  for (const forwarding of ["off", "once"] as const) {
    const network = new TestNetwork([1, 2, 3], { forwarding });
    const leader = network.elect(1);
    const envelope = { type: "forwardedProposal", from: 2, to: 1, term: 0 } as const;
    leader.step({ ...envelope, proposals: [{ kind: "configuration", change }] });
    leader.step({ ...envelope, proposals });
    expect(leader.lastIndex).toBe(forwarding === "off" ? 1 : 2);
  }
});

test("where commits go by heartbeats, a commit draws no append: followers hear of it with the next append or heartbeat", () => {
  const network = new TestNetwork([1, 2, 3], { commitsByHeartbeat: true });
  const leader = network.elect(1);
  network.tick(1);
  const appends: AppendEntries[] = [];
  network.isLost = (message) => {
    if (message.type === "appendEntries") appends.push(message);
    return false;
  };
  network.propose(1, "a");
  expect(leader.commitIndex).toBe(2);
  expect(appends.map(({ entries, commit }) => [entries.length, commit])).toEqual([
    [1, 1],
    [1, 1],
  ]);
  expect(network.core(2).commitIndex).toBe(1);
  network.propose(1, "b");
  expect(network.core(2).commitIndex).toBe(2);
  network.tick(1);
  expect([2, 3].map((id) => network.core(id).commitIndex)).toEqual([3, 3]);
  expect(appends).toHaveLength(4);
});

test("where commits go by heartbeats, all hear of a change of the members at once", () => {
  const network = new TestNetwork([1, 2, 3], { commitsByHeartbeat: true });
  const leader = network.elect(1);
  network.tick(1);
  leader.proposeConfigurationChange({ transition: "auto", changes: [{ action: "remove", replica: 3 }] });
  network.settle();
  for (const id of [1, 2, 3]) expect(network.core(id).configuration.voters).toEqual([1, 2]);
});
