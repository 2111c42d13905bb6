import { expect, test } from "vitest";
import { MemoryLog, noHardState } from "../../test/raft/memory-log.ts";
import { entriesForTest } from "../../test/raft/messages.ts";
import { bytesOf, configurationOf, seededRandom, TestNetwork } from "../../test/raft/network.ts";
import { type Message, type Persist, RaftCore } from "./index.ts";

function core(id: number, voters: readonly number[], log: MemoryLog = new MemoryLog()): RaftCore {
  return new RaftCore({
    id,
    electionTicks: 10,
    heartbeatTicks: 1,
    random: seededRandom(1),
    log,
    hardState: noHardState,
    configuration: configurationOf(voters),
    applied: 0,
  });
}

function typesOf(messages: readonly Message[] | undefined): string[] {
  return (messages ?? []).map((message) => message.type);
}

const appendOfTerm2: Message = {
  type: "appendEntries",
  from: 2,
  to: 1,
  term: 2,
  previousIndex: 0,
  previousTerm: 0,
  entries: entriesForTest(1, 2, 2),
  commit: 0,
};

test("a vote is held back until it is durable [O-1]", () => {
  const voter = core(1, [1, 2, 3]);
  voter.step({
    type: "requestVote",
    from: 2,
    to: 1,
    term: 2,
    isPreVote: false,
    lastIndex: 0,
    lastTerm: 0,
    isTransfer: false,
  });
  const { persist, messages } = voter.ready();
  expect(messages).toEqual([]);
  expect(persist).toMatchObject({ hardState: { term: 2, vote: 2 }, mustSync: true });
  expect(persist?.messages).toMatchObject([{ type: "requestVoteResponse", granted: true }]);
});

test("a refusal of a vote is held back until the vote for the other one is durable [O-1]", () => {
  const voter = core(1, [1, 2, 3]);
  const request = {
    type: "requestVote",
    to: 1,
    term: 2,
    isPreVote: false,
    lastIndex: 0,
    lastTerm: 0,
    isTransfer: false,
  } as const;
  voter.step({ ...request, from: 2 });
  const first = voter.ready();
  voter.step({ ...request, from: 3 });
  const second = voter.ready();
  // There is nothing new to write, but the refusal waits for the vote that is being written.
  expect(second.messages).toEqual([]);
  expect(second.persist).toMatchObject({ entries: [], hardState: undefined, mustSync: false });
  expect(second.persist?.messages).toMatchObject([{ granted: false }]);
  voter.persisted(first.persist!.id);
  voter.persisted(second.persist!.id);
});

test("an acknowledgement of an append leaves with the entries it stands on [O-1]", () => {
  const follower = core(1, [1, 2, 3]);
  follower.step(appendOfTerm2);
  const { persist, messages } = follower.ready();
  expect(messages).toEqual([]);
  expect(persist?.entries).toHaveLength(2);
  expect(persist?.messages).toMatchObject([{ type: "appendEntriesResponse", index: 2 }]);
});

test("an acknowledgement of what is durable already leaves at once", () => {
  const log = new MemoryLog();
  const follower = core(1, [1, 2, 3], log);
  follower.step(appendOfTerm2);
  const first = follower.ready();
  log.append(first.persist!.entries);
  follower.persisted(first.persist!.id);
  follower.step(appendOfTerm2);
  const second = follower.ready();
  expect(second.persist).toBe(undefined);
  expect(second.messages).toMatchObject([{ type: "appendEntriesResponse", index: 2 }]);
});

test("nothing of a term leaves before the term is durable, save for pre-votes, which raise none [O-1]", () => {
  const candidate = core(1, [1, 2, 3]);
  candidate.campaign();
  const asking = candidate.ready();
  expect(asking.persist).toBe(undefined);
  expect(typesOf(asking.messages)).toEqual(["requestVote", "requestVote"]);
  candidate.step({
    type: "requestVoteResponse",
    from: 2,
    to: 1,
    term: 1,
    isPreVote: true,
    granted: true,
    commit: 0,
    commitTerm: 0,
  });
  const voting = candidate.ready();
  expect(voting.messages).toEqual([]);
  expect(voting.persist).toMatchObject({ hardState: { term: 1, vote: 1 }, mustSync: true });
  expect(typesOf(voting.persist?.messages)).toEqual(["requestVote", "requestVote"]);
  candidate.tick();
  candidate.persisted(voting.persist!.id);
});

test("a heartbeat's answer in a new term waits for the term, in an old one it leaves at once [O-1]", () => {
  const follower = core(1, [1, 2, 3]);
  const heartbeat = { type: "heartbeat", from: 2, to: 1, term: 3, commit: 0, readRound: 0 } as const;
  follower.step(heartbeat);
  const first = follower.ready();
  expect([first.messages, typesOf(first.persist?.messages)]).toEqual([[], ["heartbeatResponse"]]);
  follower.step(heartbeat);
  // The term is still being written.
  const second = follower.ready();
  expect([second.messages, typesOf(second.persist?.messages)]).toEqual([[], ["heartbeatResponse"]]);
  follower.persisted(first.persist!.id);
  follower.persisted(second.persist!.id);
  follower.step(heartbeat);
  const third = follower.ready();
  expect([typesOf(third.messages), third.persist]).toEqual([["heartbeatResponse"], undefined]);
});

test("a leader sends entries while it writes them, and counts itself only when they are durable [O-2]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.isSyncing = false;
  leader.propose(bytesOf("a"));
  const node = network.node(1);
  const sent = node.takeReady();
  expect(typesOf(sent)).toEqual(["appendEntries", "appendEntries"]);
  // One follower has it on disk, the leader has not: that is one of three.
  network.deliver(sent[0]!);
  network.work(network.node(2));
  for (const message of network.node(2).sync()) network.deliver(message);
  expect(leader.commitIndex).toBe(1);
  network.messages.push(...node.sync());
  expect(leader.commitIndex).toBe(2);
});

test("entries that two followers hold are committed before the leader's own write is done [O-2]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.isSyncing = false;
  leader.propose(bytesOf("a"));
  for (const message of network.node(1).takeReady()) network.deliver(message);
  for (const id of [2, 3]) {
    network.work(network.node(id));
    for (const message of network.node(id).sync()) network.deliver(message);
  }
  expect(leader.commitIndex).toBe(2);
  expect(leader.ready().apply).toMatchObject([{ index: 2 }]);
});

test("a group of one voter acknowledges only after its own write is durable [O-2]", () => {
  const network = new TestNetwork([1]);
  const leader = network.elect(1);
  network.isSyncing = false;
  leader.propose(bytesOf("a"));
  network.settle();
  expect([leader.lastIndex, leader.commitIndex]).toEqual([2, 1]);
  network.node(1).sync();
  expect(leader.commitIndex).toBe(2);
});

test("the end of an earlier write says nothing of what the leader has written since [O-2]", () => {
  const network = new TestNetwork([1]);
  const leader = network.elect(1);
  network.isSyncing = false;
  const node = network.node(1);
  for (const text of ["a", "b"]) {
    leader.propose(bytesOf(text));
    node.takeReady();
  }
  const [first, second] = node.writes;
  leader.persisted(first!.id);
  expect(leader.commitIndex).toBe(2);
  leader.persisted(second!.id);
  expect(leader.commitIndex).toBe(3);
});

test("any number of writes may be under way, and they are reported in order", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.isSyncing = false;
  const node = network.node(1);
  for (const text of ["a", "b", "c"]) {
    leader.propose(bytesOf(text));
    for (const message of node.takeReady()) network.messages.push(message);
  }
  expect(node.writes.map(({ entries }) => entries.map((entry) => entry.index))).toEqual([[2], [3], [4]]);
  expect(() => leader.persisted(node.writes[1]!.id)).toThrow("order");
});

test("a snapshot, entries, term and vote are one record set, and a batch replaces all from its first entry on [O-4]", () => {
  const log = new MemoryLog();
  const follower = core(1, [1, 2, 3], log);
  follower.step({ ...appendOfTerm2, entries: entriesForTest(1, 4, 2) });
  const first = follower.ready().persist!;
  log.append(first.entries);
  follower.step({
    ...appendOfTerm2,
    from: 3,
    term: 3,
    previousIndex: 1,
    previousTerm: 2,
    entries: entriesForTest(2, 1, 3),
  });
  const second = follower.ready().persist!;
  expect(second).toMatchObject({ entries: [{ index: 2, term: 3 }], hardState: { term: 3 }, mustSync: true });
  log.append(second.entries);
  expect(log.all.map((entry) => entry.term)).toEqual([2, 3]);
  expect(follower.lastIndex).toBe(2);
});

test("the commit index is never written ahead of the entries it covers, and alone only at a tick [O-5]", () => {
  const log = new MemoryLog();
  const follower = core(1, [1, 2, 3], log);
  const persists: Persist[] = [];
  const take = (): void => {
    const { persist, apply } = follower.ready();
    if (persist === undefined) return;
    log.append(persist.entries);
    expect(persist.hardState?.commit ?? 0).toBeLessThanOrEqual(log.lastIndex);
    persists.push(persist);
    follower.persisted(persist.id);
    for (const entry of apply) follower.applied(entry.index);
  };
  follower.step({ ...appendOfTerm2, commit: 9 });
  take();
  expect(persists.at(-1)?.hardState?.commit).toBe(2);
  follower.step({ ...appendOfTerm2, previousIndex: 2, previousTerm: 2, entries: entriesForTest(3, 1, 2), commit: 2 });
  take();
  follower.step({ ...appendOfTerm2, previousIndex: 3, previousTerm: 2, entries: [], commit: 3 });
  take();
  expect(persists).toHaveLength(2);
  follower.tick();
  expect(follower.hasReady()).toBe(true);
  take();
  expect(persists.at(-1)).toMatchObject({ entries: [], hardState: { commit: 3 }, mustSync: false, messages: [] });
});

test("entries are handed out to be applied only when committed, each once, in order [O-6]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.isolate(1);
  leader.propose(bytesOf("a"));
  network.settle();
  expect(network.node(1).appliedTexts).toEqual([]);
  network.heal();
  network.tick(2);
  expect([...network.node(1).applied.keys()]).toEqual([1, 2]);
});

test("what was handed out to be applied is limited by bytes until it is reported as applied", () => {
  const log = new MemoryLog();
  const follower = new RaftCore({
    id: 1,
    electionTicks: 10,
    heartbeatTicks: 1,
    random: seededRandom(1),
    log,
    hardState: { term: 2, vote: undefined, commit: 0 },
    configuration: configurationOf([1, 2, 3]),
    applied: 0,
    applyBytesMax: 40,
  });
  follower.step({ ...appendOfTerm2, entries: entriesForTest(1, 5, 2), commit: 5 });
  const first = follower.ready();
  log.append(first.persist!.entries);
  expect(first.apply.map((entry) => entry.index)).toEqual([1, 2]);
  follower.persisted(first.persist!.id);
  expect(follower.hasReady()).toBe(false);
  follower.applied(1);
  expect(follower.ready().apply.map((entry) => entry.index)).toEqual([3]);
  follower.applied(3);
  expect(follower.ready().apply.map((entry) => entry.index)).toEqual([4, 5]);
  expect(() => follower.applied(6)).toThrow("I-8");
});

test("a proposal's index and term are its own only as long as the entry applied there is of that term [O-8]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const old = network.elect(1);
  network.isolate(1);
  const proposed = old.propose(bytesOf("lost"));
  expect(proposed).toEqual({ index: 2, term: 1 });
  network.elect(2);
  network.propose(2, "kept");
  network.heal();
  network.tick(3);
  expect(network.node(1).applied.get(2)?.term).toBe(2);
  expect(network.node(1).appliedTexts).toEqual(["kept"]);
});

test("a write that completes after its entries were replaced says nothing about their successors [O-9]", () => {
  const log = new MemoryLog();
  const follower = core(1, [1, 2, 3, 4, 5], log);
  const append = (from: number, term: number): Persist => {
    follower.step({ ...appendOfTerm2, from, term, entries: entriesForTest(1, 1, term) });
    const persist = follower.ready().persist!;
    log.append(persist.entries);
    return persist;
  };
  const writes = [append(2, 2), append(3, 3), append(4, 4)];
  follower.persisted(writes[0]!.id);
  expect(follower.status().stableIndex).toBe(0);
  follower.persisted(writes[1]!.id);
  expect(follower.status().stableIndex).toBe(0);
  follower.persisted(writes[2]!.id);
  expect(follower.status().stableIndex).toBe(1);
});

test("a heartbeat that claims more than this log ever held stops the replica [I-9]", () => {
  const follower = core(1, [1, 2, 3]);
  expect(() => follower.step({ type: "heartbeat", from: 2, to: 1, term: 3, commit: 7, readRound: 0 })).toThrow("I-9");
});

test("what goes in and what comes out is never changed afterwards [C-3]", () => {
  // Every Ready and every message of the test network is frozen to its depth: a change of one would throw. Bytes cannot
  // be frozen, so they are compared.
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  const data = bytesOf("frozen");
  leader.propose(data);
  const ready = network.node(1).takeReady();
  expect(Object.isFrozen(ready[0])).toBe(true);
  const before = JSON.stringify(ready);
  network.messages.push(...ready);
  network.settle();
  network.crash(1);
  network.elect(2);
  network.propose(2, "x");
  network.node(1).restart();
  network.tick(3);
  expect(JSON.stringify(ready)).toBe(before);
  expect(data).toEqual(bytesOf("frozen"));
});

test("a term, an index or an id beyond 2^53 is refused where it enters [C-3]", () => {
  expect(() => core(2 ** 53, [1])).toThrow("positive integer");
  expect(() => core(0, [1])).toThrow("positive integer");
});

test("an untouched replica has nothing to do", () => {
  expect(core(1, [1, 2, 3]).hasReady()).toBe(false);
});

test("the status is a copy that says everything", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  const status = leader.status();
  network.propose(1, "a");
  expect(status).toMatchObject({ id: 1, role: "leader", term: 1, vote: 1, leader: 1, lastIndex: 1, commitIndex: 1 });
  expect(status.progress.map(({ id, matchIndex }) => [id, matchIndex])).toEqual([
    [1, 1],
    [2, 1],
    [3, 1],
  ]);
  expect(network.core(2).status().progress).toEqual([]);
});
