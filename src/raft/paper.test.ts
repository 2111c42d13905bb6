import { expect, test } from "vitest";
import { entriesForTest } from "../../test/raft/messages.ts";
import { TestNetwork } from "../../test/raft/network.ts";
import type { Message, RaftCore, Term } from "./index.ts";

/**
 * The rules of "In Search of an Understandable Consensus Algorithm" (Ongaro, Ousterhout; extended version), one test
 * for each sentence that a server must obey, and its two figures of logs.
 */

/** A network whose nodes start in `term` with logs of the given terms; all links are up. */
function networkOf(logs: readonly (readonly Term[])[], term: Term): TestNetwork {
  const network = new TestNetwork(
    logs.map((_, place) => place + 1),
    { preVote: false, checkQuorum: false },
  );
  logs.forEach((terms, place) => {
    const node = network.node(place + 1);
    node.disk.log.append(terms.map((one, offset) => entriesForTest(offset + 1, 1, one)[0]!));
    node.disk.hardState = { term, vote: undefined, commit: 0 };
    node.restart();
  });
  return network;
}

function outputOf(network: TestNetwork, id: number): readonly Message[] {
  const node = network.node(id);
  const messages = [...node.takeReady()];
  while (node.writes.length > 0) messages.push(...node.sync());
  return messages;
}

function inRole(role: "follower" | "candidate" | "leader"): { network: TestNetwork; core: RaftCore } {
  const network = new TestNetwork([1, 2, 3], { preVote: false, checkQuorum: false });
  const core = network.core(1);
  if (role === "follower") core.step({ type: "heartbeat", from: 2, to: 1, term: 1, commit: 0, readRound: 0 });
  else core.campaign();
  outputOf(network, 1);
  if (role === "leader") {
    core.step({
      type: "requestVoteResponse",
      from: 2,
      to: 1,
      term: 1,
      isPreVote: false,
      granted: true,
      commit: 0,
      commitTerm: 0,
    });
  }
  outputOf(network, 1);
  expect([core.role, core.term]).toEqual([role, 1]);
  return { network, core };
}

const roles = ["follower", "candidate", "leader"] as const;

test.for(roles)("§5.1 a %s that learns of a later term takes it over and becomes a follower", (role) => {
  const { core } = inRole(role);
  core.step({
    type: "appendEntries",
    from: 2,
    to: 1,
    term: 2,
    previousIndex: 0,
    previousTerm: 0,
    entries: [],
    commit: 0,
  });
  expect([core.role, core.term, core.leader]).toEqual(["follower", 2, 2]);
});

test.for(roles)("§5.1 a %s rejects a request of an earlier term", (role) => {
  const { network, core } = inRole(role);
  core.step({ type: "heartbeat", from: 3, to: 1, term: 4, commit: 0, readRound: 0 });
  outputOf(network, 1);
  const { lastIndex } = core;
  const entries = entriesForTest(1, 1, 2);
  core.step({ type: "appendEntries", from: 2, to: 1, term: 2, previousIndex: 0, previousTerm: 0, entries, commit: 0 });
  core.step({
    type: "requestVote",
    from: 2,
    to: 1,
    term: 2,
    isPreVote: false,
    lastIndex: 9,
    lastTerm: 9,
    isTransfer: false,
  });
  expect(outputOf(network, 1)).toEqual([]);
  expect([core.term, core.lastIndex, core.leader]).toEqual([4, lastIndex, 3]);
});

test("§5.2 servers start as followers", () => {
  expect(new TestNetwork([1, 2, 3]).core(1).role).toBe("follower");
});

test("§5.2 a leader sends heartbeats at each interval", () => {
  const { network, core } = inRole("leader");
  core.tick();
  expect(outputOf(network, 1).map(({ type, to }) => [type, to])).toEqual([
    ["heartbeat", 2],
    ["heartbeat", 3],
  ]);
});

test.for(["follower", "candidate"] as const)(
  "§5.2 a %s that hears nothing for its timeout stands for election",
  (role) => {
    const { network, core } = inRole(role);
    for (let ticks = 0; core.term === 1; ticks++) {
      expect(ticks).toBeLessThan(20);
      core.tick();
    }
    expect([core.role, core.term, core.status().vote]).toEqual(["candidate", 2, 1]);
    expect(outputOf(network, 1)).toMatchObject([
      { type: "requestVote", to: 2, term: 2 },
      { type: "requestVote", to: 3, term: 2 },
    ]);
  },
);

test.for([
  { size: 1, granted: [], denied: [], role: "leader" },
  { size: 3, granted: [2], denied: [], role: "leader" },
  { size: 3, granted: [2], denied: [3], role: "leader" },
  { size: 3, granted: [], denied: [2, 3], role: "follower" },
  { size: 3, granted: [], denied: [], role: "candidate" },
  { size: 5, granted: [2, 3], denied: [4], role: "leader" },
  { size: 5, granted: [2], denied: [], role: "candidate" },
  { size: 5, granted: [2], denied: [3, 4, 5], role: "follower" },
])("§5.2 of $size servers, with votes of $granted and refusals of $denied, a candidate is then $role", (row) => {
  const network = new TestNetwork(
    Array.from({ length: row.size }, (_, i) => i + 1),
    { preVote: false },
  );
  const core = network.core(1);
  core.campaign();
  outputOf(network, 1);
  for (const [voters, granted] of [
    [row.granted, true],
    [row.denied, false],
  ] as const) {
    for (const from of voters)
      core.step({
        type: "requestVoteResponse",
        from,
        to: 1,
        term: 1,
        isPreVote: false,
        granted,
        commit: 0,
        commitTerm: 0,
      });
  }
  expect(core.role).toBe(row.role);
});

test("§5.2 votes go first come, first served", () => {
  const network = new TestNetwork([1, 2, 3]);
  for (const [from, granted] of [
    [2, true],
    [3, false],
    [2, true],
  ] as const) {
    network.core(1).step({
      type: "requestVote",
      from,
      to: 1,
      term: 1,
      isPreVote: false,
      lastIndex: 0,
      lastTerm: 0,
      isTransfer: false,
    });
    expect(outputOf(network, 1)).toMatchObject([{ type: "requestVoteResponse", to: from, granted }]);
  }
});

test.for([1, 2])("§5.2 a candidate that meets a leader of term %i, not older than its own, follows it", (term) => {
  const { core } = inRole("candidate");
  core.step({ type: "appendEntries", from: 2, to: 1, term, previousIndex: 0, previousTerm: 0, entries: [], commit: 0 });
  expect([core.role, core.term, core.leader]).toEqual(["follower", term, 2]);
});

test("§5.3 a leader appends a command to its log, sends it to all, and commits it when a majority holds it", () => {
  const network = new TestNetwork([1, 2, 3, 4, 5]);
  const leader = network.elect(1);
  network.isLost = (message) => message.type === "appendEntriesResponse" && message.from > 2;
  leader.propose(Uint8Array.of(1));
  network.settle();
  expect([leader.lastIndex, leader.commitIndex]).toEqual([2, 1]);
  network.isLost = (message) => message.type === "appendEntriesResponse" && message.from > 3;
  network.tick(1);
  expect(leader.commitIndex).toBe(2);
});

test("§5.3 committing an entry commits all before it, also those of earlier leaders", () => {
  for (const terms of [[], [2], [1, 2], [1]]) {
    const network = networkOf([terms, [], []], 2);
    const leader = network.elect(1);
    network.propose(1, "x");
    expect(leader.commitIndex).toBe(terms.length + 2);
    expect([...network.node(1).applied.keys()]).toEqual(Array.from({ length: terms.length + 2 }, (_, i) => i + 1));
  }
});

test("§5.3 followers apply what they learn is committed, in the order of the log", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.propose(1, "x", "y");
  expect(network.node(3).appliedTexts).toEqual(["x", "y"]);
});

test.for([
  { at: 0, term: 0, accepted: true },
  { at: 1, term: 1, accepted: true },
  { at: 2, term: 2, accepted: true },
  { at: 1, term: 2, accepted: false },
  { at: 2, term: 1, accepted: false },
  { at: 3, term: 3, accepted: false },
])(
  "§5.3 a follower takes entries behind ($at, term $term) only if it holds that one: $accepted",
  ({ at, term, accepted }) => {
    const network = networkOf([[1, 2], [], []], 2);
    network.core(1).step({
      type: "appendEntries",
      from: 2,
      to: 1,
      term: 2,
      previousIndex: at,
      previousTerm: term,
      entries: [],
      commit: 0,
    });
    expect(outputOf(network, 1)).toMatchObject([{ type: "appendEntriesResponse", rejected: !accepted }]);
  },
);

test.for([
  { at: 2, term: 2, sent: [3], result: [1, 2, 3] },
  { at: 1, term: 1, sent: [3, 4], result: [1, 3, 4] },
  { at: 0, term: 0, sent: [1], result: [1, 2] },
  { at: 0, term: 0, sent: [3], result: [3] },
])("§5.3 of entries $sent behind $at a follower keeps what agrees and replaces what conflicts", (row) => {
  const network = networkOf([[1, 2], [], []], 4);
  const entries = row.sent.map((term, offset) => entriesForTest(row.at + 1 + offset, 1, term)[0]!);
  network.core(1).step({
    type: "appendEntries",
    from: 2,
    to: 1,
    term: 4,
    previousIndex: row.at,
    previousTerm: row.term,
    entries,
    commit: 0,
  });
  outputOf(network, 1);
  expect(network.node(1).log.all.map((entry) => entry.term)).toEqual(row.result);
});

const figure7 = [
  { name: "a", terms: [1, 1, 1, 4, 4, 5, 5, 6, 6] },
  { name: "b", terms: [1, 1, 1, 4] },
  { name: "c", terms: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6] },
  { name: "d", terms: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7] },
  { name: "e", terms: [1, 1, 1, 4, 4, 4, 4] },
  { name: "f", terms: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3] },
];
const figure7Leader = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];

test.for(figure7)(
  "Figure 7: the leader of term 8 makes follower ($name) hold the same log as itself [I-4]",
  ({ terms }) => {
    // The third server only votes.
    const network = networkOf([figure7Leader, terms, []], 7);
    network.isLost = (message) => message.to === 3 && message.type === "appendEntries";
    const leader = network.elect(1);
    const before = network.node(1).log.all.slice(0, figure7Leader.length);
    network.propose(1, "x");
    network.tick(3);
    expect(network.node(2).log.all).toEqual(network.node(1).log.all);
    expect(network.node(1).log.all.slice(0, figure7Leader.length)).toEqual(before);
    expect(network.core(2).commitIndex).toBe(leader.commitIndex);
  },
);

test.for([
  { name: "of a later last term", own: [1, 1, 5], other: [1, 1, 1, 1], granted: false },
  { name: "longer, of the same last term", own: [1, 1], other: [1], granted: false },
  { name: "the same", own: [1, 1], other: [1, 1], granted: true },
  { name: "shorter, of the same last term", own: [1], other: [1, 1], granted: true },
  { name: "of an earlier last term", own: [1, 1, 1, 1], other: [1, 2], granted: true },
])("§5.4.1 a voter whose log is $name grants its vote: $granted", ({ own, other, granted }) => {
  const network = networkOf([own, other, []], 5);
  network.core(2).campaign();
  for (const message of outputOf(network, 2)) if (message.to === 1) network.deliver(message);
  expect(outputOf(network, 1)).toMatchObject([{ type: "requestVoteResponse", granted }]);
});

test("Figure 8: (c) an entry of term 2 on a majority is not committed by the leader of term 4, and (d) may be replaced", () => {
  // (a) S1, leader of term 2, has got entry 2 to S2. (b) S5 wins term 3 with S3 and S4, and takes another entry 2.
  const network = networkOf([[1, 2], [1, 2], [1], [1], [1, 3]], 3);
  // (c) S1 is elected in term 4 and gets entry 2 to S3; of its own entry nobody hears.
  network.isLost = (message) =>
    message.to > 3 || (message.type === "appendEntries" && network.core(message.to).lastIndex >= 2);
  const first = network.elect(1);
  network.tick(2);
  const holders = [1, 2, 3].filter((id) => network.node(id).log.all[1]?.term === 2);
  expect([first.term, holders]).toEqual([4, [1, 2, 3]]);
  expect(first.commitIndex).toBeLessThan(2);
  // (d) S1 fails; S5 wins with S2, S3 and S4, none of whose logs is more complete, and replaces entry 2.
  network.crash(1);
  network.heal();
  network.elect(5);
  network.tick(2);
  for (const id of [2, 3, 4, 5]) expect(network.node(id).log.all[1]?.term).toBe(3);
});

test("Figure 8: (e) once the leader of term 4 has its own entry on a majority, S5 cannot win any more", () => {
  const network = networkOf([[1, 2], [1, 2], [1], [1], [1, 3]], 3);
  network.isLost = (message) => message.to > 3 || message.from > 3;
  const first = network.elect(1);
  network.tick(2);
  expect(first.commitIndex).toBe(first.lastIndex);
  network.crash(1);
  network.heal();
  network.core(5).campaign();
  network.settle();
  expect(network.core(5).role).not.toBe("leader");
  network.tick(80);
  for (const id of [2, 3, 4, 5]) expect(network.node(id).log.all[1]?.term).toBe(2);
});

test("§5.4.2 a leader commits by counting only entries of its own term [I-10]", () => {
  const network = networkOf(
    [
      [1, 2],
      [1, 2],
      [1, 2],
    ],
    2,
  );
  network.isLost = (message) => message.type === "appendEntries";
  const leader = network.elect(1);
  const accepted = {
    type: "appendEntriesResponse",
    to: 1,
    term: leader.term,
    rejected: false,
    hintIndex: 0,
    hintTerm: 0,
  } as const;
  for (const from of [2, 3]) leader.step({ ...accepted, from, index: 2 });
  expect(leader.status().progress.map(({ matchIndex }) => matchIndex)).toEqual([3, 2, 2]);
  expect(leader.commitIndex).toBe(0);
  leader.step({ ...accepted, from: 2, index: 3 });
  expect(leader.commitIndex).toBe(3);
});
