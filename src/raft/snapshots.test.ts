import { expect, test } from "vitest";
import { bytesOf, configurationOf, TestNetwork } from "../../test/raft/network.ts";
import type { RaftCore } from "./index.ts";

/** Three nodes, of which 3 lacks entries that the leader has cut from its log. */
function withLaggard(): { network: TestNetwork; leader: RaftCore } {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.isolate(3);
  network.propose(1, "a", "b", "c");
  network.node(1).checkpoint();
  return { network, leader };
}

test("a follower that lacks what is no longer in the log gets a snapshot and goes on from it", () => {
  const { network, leader } = withLaggard();
  network.heal();
  network.tick(2);
  network.propose(1, "d");
  const node = network.node(3);
  expect(node.disk.snapshot.index).toBe(4);
  expect(node.appliedTexts).toEqual(["d"]);
  expect(leader.status().progress[2]).toMatchObject({ kind: "replicate", matchIndex: 5 });
});

test("no snapshot goes to a follower that gives no sign of life", () => {
  const { network, leader } = withLaggard();
  network.tick(20);
  network.propose(1, "d");
  expect(leader.status().progress[2]?.kind).not.toBe("snapshot");
});

test("a lost snapshot is sent again once the host reports it, not before [N-4]", () => {
  const { network, leader } = withLaggard();
  let sent = 0;
  network.isLost = (message) => {
    if (message.type === "installSnapshot") sent++;
    return message.type === "installSnapshot";
  };
  network.tick(30);
  expect(sent).toBe(1);
  expect(leader.status().progress[2]).toMatchObject({ kind: "snapshot", pendingSnapshotIndex: 4, isPaused: true });
  network.heal();
  leader.reportSnapshot(3, false);
  network.tick(3);
  expect(network.core(3).commitIndex).toBe(leader.commitIndex);
});

test("progress does not trust a report of success: only the follower's acknowledgement counts [N-4]", () => {
  const { network, leader } = withLaggard();
  network.isLost = (message) => message.type === "installSnapshot";
  network.tick(2);
  leader.reportSnapshot(3, true);
  expect(leader.status().progress[2]).toMatchObject({ kind: "probe", matchIndex: 1, nextIndex: 5, isPaused: true });
  network.heal();
  // The probe behind the snapshot is refused, and another snapshot goes out.
  network.tick(3);
  expect(network.core(3).commitIndex).toBe(leader.commitIndex);
});

test("a snapshot that others sent is as good, if what follows it is still in the log", () => {
  const { network, leader } = withLaggard();
  network.isLost = (message) => message.type === "installSnapshot";
  network.tick(2);
  network.heal();
  network.propose(1, "d");
  network.node(2).checkpoint();
  const { snapshotToSend } = network.node(2);
  network.core(3).step({ type: "installSnapshot", from: 1, to: 3, term: leader.term, snapshot: snapshotToSend! });
  network.settle();
  expect(leader.status().progress[2]).toMatchObject({ kind: "replicate", matchIndex: 5 });
});

test("a snapshot that brings nothing new is answered with the commit index, twice or late [E-12]", () => {
  const { network, leader } = withLaggard();
  network.heal();
  network.tick(2);
  network.propose(1, "d");
  const snapshot = network.node(1).snapshotToSend!;
  for (let i = 0; i < 2; i++) {
    network.core(3).step({ type: "installSnapshot", from: 1, to: 3, term: leader.term, snapshot });
    const { persist, messages } = network.core(3).ready();
    expect(persist).toBe(undefined);
    expect(messages).toMatchObject([{ type: "appendEntriesResponse", rejected: false, index: 5 }]);
  }
});

test("an old snapshot says nothing about entries of this log that nobody has compared [I-6]", () => {
  const { network, leader } = withLaggard();
  const snapshot = network.node(1).snapshotToSend!;
  network.heal();
  network.tick(2);
  // 3 holds one entry more, which is not known to be committed or to be the leader's.
  const entries = [{ kind: "normal" as const, term: leader.term, index: 5, data: bytesOf("x") }];
  const envelope = { from: 1, to: 3, term: leader.term } as const;
  network.core(3).step({ type: "appendEntries", ...envelope, previousIndex: 4, previousTerm: 1, entries, commit: 4 });
  network.node(3).takeReady();
  network.core(3).step({ type: "installSnapshot", ...envelope, snapshot });
  const { persist } = network.core(3).ready();
  expect(persist?.messages).toMatchObject([{ type: "appendEntriesResponse", rejected: false, index: 4 }]);
});

test("a snapshot of what the log holds already only tells that it is committed", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.isLost = (message) => message.type === "appendEntriesResponse";
  network.core(1).propose(bytesOf("a"));
  network.settle();
  const snapshot = { index: 2, term: 1, configuration: configurationOf([1, 2, 3]), data: bytesOf("") };
  network.core(3).step({ type: "installSnapshot", from: 1, to: 3, term: leader.term, snapshot });
  expect(network.core(3).commitIndex).toBe(2);
  expect(network.core(3).ready().persist?.snapshot).toBe(undefined);
});

test("a snapshot without this replica in it is ignored [N-3]", () => {
  const { network, leader } = withLaggard();
  const snapshot = { ...network.node(1).snapshotToSend!, configuration: configurationOf([1, 2]) };
  network.core(3).step({ type: "installSnapshot", from: 1, to: 3, term: leader.term, snapshot });
  expect(network.core(3).commitIndex).toBe(1);
});

test("who is left in the outgoing half alone takes a snapshot: until the joint configuration ends it is a voter [N-3, M-9]", () => {
  const { network, leader } = withLaggard();
  const { snapshotToSend } = network.node(1);
  const configuration = { ...configurationOf([1, 2]), votersOutgoing: [1, 2, 3] };
  const snapshot = { ...snapshotToSend!, configuration };
  network.core(3).step({ type: "installSnapshot", from: 1, to: 3, term: leader.term, snapshot });
  network.work(network.node(3));
  const { core } = network.node(3);
  expect([core.commitIndex, core.configuration]).toEqual([snapshot.index, configuration]);
});

test("a snapshot brings its configuration with it [M-8]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.isolate(3);
  leader.proposeConfigurationChange({ transition: "auto", changes: [{ action: "addLearner", replica: 4 }] });
  network.settle();
  network.node(1).checkpoint();
  network.heal();
  network.tick(2);
  expect(network.core(3).configuration).toMatchObject({ voters: [1, 2, 3], learners: [4] });
});

test("a batch may hold a snapshot and the entries that follow it [O-3]", () => {
  const { network, leader } = withLaggard();
  network.propose(1, "d");
  const snapshot = network.node(1).snapshotToSend!;
  const entries = [network.node(1).log.all.at(-1)!];
  const core = network.core(3);
  const envelope = { from: 1, to: 3, term: leader.term } as const;
  core.step({ type: "installSnapshot", ...envelope, snapshot });
  core.step({ type: "appendEntries", ...envelope, previousIndex: 4, previousTerm: 1, entries, commit: 5 });
  const { persist, apply } = core.ready();
  expect(persist).toMatchObject({
    snapshot: { index: 4 },
    entries: [{ index: 5 }],
    hardState: { commit: 5 },
    mustSync: true,
  });
  expect(persist?.messages.filter((message) => message.type === "appendEntriesResponse")).toMatchObject([{ index: 5 }]);
  // Nothing is applied before the state machine has been reset.
  expect(apply).toEqual([]);
  network.node(3).log.reset(snapshot);
  network.node(3).log.append(entries);
  core.persisted(persist!.id);
  expect(core.appliedIndex).toBe(4);
  expect(core.ready().apply).toMatchObject([{ index: 5 }]);
});

test("who installs a snapshot does not stand for election until it is done", () => {
  const { network, leader } = withLaggard();
  const core = network.core(3);
  const snapshot = network.node(1).snapshotToSend!;
  core.step({ type: "installSnapshot", from: 1, to: 3, term: leader.term, snapshot });
  const { persist } = core.ready();
  network.node(3).log.reset(snapshot);
  core.campaign();
  expect(core.role).toBe("follower");
  core.persisted(persist!.id);
  core.campaign();
  expect(core.role).toBe("preCandidate");
});

test("a leader without a snapshot at hand lets the follower wait and tries again", () => {
  const { network, leader } = withLaggard();
  const node = network.node(1);
  const { snapshotToSend } = node;
  node.snapshotToSend = undefined;
  network.heal();
  network.tick(3);
  expect(leader.status().progress[2]?.kind).toBe("probe");
  node.snapshotToSend = snapshotToSend;
  network.tick(3);
  expect(network.core(3).commitIndex).toBe(leader.commitIndex);
});

test("a snapshot from before a follower was added is not sent to it; a newer one is", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.propose(1, "a");
  network.node(1).checkpoint();
  network.addEmpty(4);
  leader.proposeConfigurationChange({ transition: "auto", changes: [{ action: "addLearner", replica: 4 }] });
  network.settle();
  network.tick(3);
  expect(leader.status().progress[3]?.kind).toBe("probe");
  network.node(1).checkpoint();
  network.tick(3);
  expect(network.core(4).configuration.learners).toEqual([4]);
  expect(network.core(4).commitIndex).toBe(leader.commitIndex);
});
