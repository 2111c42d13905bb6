import { expect, test } from "vitest";
import { bytesOf, TestNetwork } from "../../test/raft/network.ts";
import type { ConfigurationChange, Message, SingleChange } from "./index.ts";

function change(text: string, transition: ConfigurationChange["transition"] = "auto"): ConfigurationChange {
  const actions: Record<string, SingleChange["action"]> = { v: "addVoter", l: "addLearner", r: "remove", u: "update" };
  const words = text.split(" ").filter((word) => word !== "");
  return {
    transition,
    changes: words.map((word) => ({ action: actions[word[0]!]!, replica: Number(word.slice(1)) })),
  };
}

test("a learner receives the log and does not count; promoted, it does", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.addEmpty(4);
  leader.proposeConfigurationChange(change("l4"));
  network.settle();
  network.tick(3);
  network.propose(1, "a");
  expect(network.node(4).appliedTexts).toEqual(["configuration", "a"]);
  network.isolate(2, 3);
  leader.propose(bytesOf("b"));
  network.settle();
  expect(leader.commitIndex).toBeLessThan(leader.lastIndex);
  network.heal();
  network.tick(2);
  leader.proposeConfigurationChange(change("v4"));
  network.settle();
  network.isolate(3);
  network.propose(1, "c");
  expect(leader.commitIndex).toBe(leader.lastIndex);
  expect(leader.configuration.voters).toEqual([1, 2, 3, 4]);
});

test("one change at a time: the next waits until the one before is applied [I-13]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  expect(leader.proposeConfigurationChange(change("r3"))).toMatchObject({ index: 2 });
  expect(leader.proposeConfigurationChange(change("r2"))).toEqual({ refused: "changePending" });
  network.settle();
  expect(leader.configuration.voters).toEqual([1, 2]);
  expect(leader.proposeConfigurationChange(change("r2"))).toMatchObject({ index: 3 });
});

test("a new leader refuses changes until it has applied all that was in its log when it won [M-1]", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.isLost = (message) => message.type === "appendEntries" && message.to === 3;
  const { leader: first } = network;
  first.proposeConfigurationChange(change("r3"));
  network.messages.push(...network.node(1).takeReady());
  network.work(network.node(1));
  for (const message of network.messages.splice(0)) network.deliver(message);
  network.work(network.node(2));
  // 2 holds the change, nobody knows that it is committed.
  network.messages = [];
  network.crash(1);
  network.isLost = (message) => message.type === "appendEntries";
  const second = network.elect(2);
  expect(second.lastIndex).toBeGreaterThan(second.commitIndex);
  expect(second.proposeConfigurationChange(change("l9"))).toEqual({ refused: "changePending" });
  // Nor does it suffice that all is committed, by an entry of its own term.
  network.node(2).isApplying = false;
  network.heal();
  network.tick(3);
  expect(second.commitIndex).toBe(second.lastIndex);
  expect(second.proposeConfigurationChange(change("l9"))).toEqual({ refused: "changePending" });
  network.node(2).isApplying = true;
  network.settle();
  while (network.node(2).toApply.length > 0) network.node(2).applyNext();
  expect(second.configuration.voters).toEqual([1, 2]);
  network.node(1).restart();
  network.tick(3);
  expect(second.proposeConfigurationChange(change("l9"))).toMatchObject({ term: second.term });
});

test("two leaders in turn whose changes are not committed lose nothing: changes act when they are applied [M-2]", () => {
  const network = new TestNetwork([1, 2, 3, 4]);
  const one = network.elect(1);
  // 1 removes 2, and nobody else ever sees it.
  network.isolate(1);
  expect(one.proposeConfigurationChange(change("r2"))).toMatchObject({ term: 1 });
  network.settle();
  expect(one.configuration.voters).toEqual([1, 2, 3, 4]);
  // 2 is elected and removes 1; its change is refused before its own term has a committed entry.
  network.isLost = (message) => message.from === 1 || message.to === 1 || message.type === "appendEntries";
  const two = network.elect(2);
  expect(two.proposeConfigurationChange(change("r1"))).toEqual({ refused: "changePending" });
  network.isolate(1);
  network.tick(3);
  network.propose(2, "committed");
  expect(two.proposeConfigurationChange(change("r1"))).toMatchObject({ term: two.term });
  network.settle();
  network.heal();
  network.tick(60);
  expect(network.node(1).appliedTexts).not.toContain("lost");
  expect(network.leader.configuration.voters).toEqual([2, 3, 4]);
  for (const id of [2, 3, 4]) expect(network.node(id).appliedTexts).toContain("committed");
});

test("a replica moves by one joint change: learner first, then promoted as the other is removed [M-3]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.addEmpty(4);
  leader.proposeConfigurationChange(change("l4"));
  network.settle();
  network.tick(3);
  leader.proposeConfigurationChange(change("v4 r3"));
  network.settle();
  expect(leader.configuration).toEqual({
    voters: [1, 2, 4],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
    highestReplica: 4,
  });
  // The removed one still follows, and disturbs nobody.
  network.tick(60);
  expect(network.leader.id).toBe(1);
  expect(network.leader.term).toBe(leader.term);
});

test("a joint configuration needs majorities of both halves for commit and election", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  for (const id of [4, 5]) network.addEmpty(id);
  leader.proposeConfigurationChange(change("l4 l5"));
  network.settle();
  network.tick(3);
  leader.proposeConfigurationChange(change("v4 v5 r2 r3", "explicit"));
  network.settle();
  expect(leader.configuration).toMatchObject({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3] });
  network.isLost = (message) => message.from === 4 || message.from === 5;
  leader.propose(bytesOf("a"));
  network.settle();
  expect(leader.commitIndex).toBeLessThan(leader.lastIndex);
  network.heal();
  network.tick(1);
  expect(leader.commitIndex).toBe(leader.lastIndex);
  network.isLost = (message) => message.from === 2 || message.from === 3;
  leader.propose(bytesOf("b"));
  network.settle();
  expect(leader.commitIndex).toBeLessThan(leader.lastIndex);
  network.core(4).forgetLeader();
  network.core(1).tick();
  network.core(4).campaign();
  network.settle();
  expect(network.core(4).role).not.toBe("leader");
  network.heal();
  network.tick(30);
  expect(network.leader.commitIndex).toBe(network.leader.lastIndex);
});

test("a joint configuration that leaves by itself is left by the next leader if the first one fails [M-6]", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.addEmpty(4);
  const leader = network.leader;
  leader.proposeConfigurationChange(change("l4"));
  network.settle();
  network.tick(3);
  // The entry that leaves the joint configuration gets lost with its leader.
  network.isLost = (message) =>
    message.type === "appendEntries" &&
    message.entries.some((entry) => entry.kind === "configuration" && entry.change.changes.length === 0);
  leader.proposeConfigurationChange(change("v4 r3", "implicit"));
  network.settle();
  expect(network.core(2).configuration).toMatchObject({ votersOutgoing: [1, 2, 3], autoLeave: true });
  network.crash(1);
  network.heal();
  const next = network.elect(2);
  network.tick(3);
  expect(next.configuration).toMatchObject({ voters: [1, 2, 4], votersOutgoing: [] });
});

test("leaving is put off while leadership is handed over, and done after [M-6]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.isLost = (message) => message.to === 3;
  leader.proposeConfigurationChange(change("l3", "implicit"));
  leader.propose(bytesOf("a"));
  leader.transferLeadership(3);
  network.settle();
  expect(leader.configuration.votersOutgoing).toEqual([1, 2, 3]);
  expect(leader.status().transferTarget).toBe(3);
  network.tick(10);
  expect(leader.status().transferTarget).toBe(undefined);
  network.heal();
  network.propose(1, "b");
  network.settle();
  expect(leader.configuration).toMatchObject({ voters: [1, 2], votersOutgoing: [], learners: [3] });
});

test("a change that would leave no live quorum is refused before it is proposed [M-7]", () => {
  const network = new TestNetwork([1, 2, 3], {}, [4]);
  const leader = network.elect(1);
  network.isolate(3);
  network.tick(25);
  expect(leader.proposeConfigurationChange(change("r2"))).toEqual({ refused: "changeLosesQuorum" });
  expect(leader.proposeConfigurationChange(change("r3"))).toMatchObject({ term: 1 });
});

test("a learner is made a voter only when it has caught up and answers [M-4]", () => {
  const network = new TestNetwork([1, 2, 3], { promotionLagEntriesMax: 2 }, [4]);
  const leader = network.elect(1);
  network.isolate(4);
  expect(leader.proposeConfigurationChange(change("v5"))).toEqual({ refused: "learnerBehind" });
  network.propose(1, "a", "b");
  const promoted = leader.proposeConfigurationChange(change("u4"));
  expect(promoted).toMatchObject({ index: 4 });
  network.settle();
  expect(leader.proposeConfigurationChange(change("v4"))).toEqual({ refused: "learnerBehind" });
  network.heal();
  network.tick(2);
  network.isolate(4);
  network.tick(25);
  // It has everything, but nobody knows whether it still lives.
  expect(leader.proposeConfigurationChange(change("v4"))).toEqual({ refused: "learnerBehind" });
  network.heal();
  network.tick(1);
  expect(leader.proposeConfigurationChange(change("v4"))).toMatchObject({ term: 1 });
});

test("a change that would leave no voter, or does not fit, is refused before it is proposed [M-7]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  expect(leader.proposeConfigurationChange(change("r1 r2 r3"))).toEqual({ refused: "changeInvalid" });
  expect(leader.proposeConfigurationChange(change(""))).toEqual({ refused: "changeInvalid" });
  leader.proposeConfigurationChange(change("r3", "explicit"));
  network.settle();
  expect(leader.proposeConfigurationChange(change("v3"))).toEqual({ refused: "changeInvalid" });
  expect(leader.proposeConfigurationChange(change(""))).toMatchObject({ term: 1 });
  expect(network.core(2).proposeConfigurationChange(change("r3"))).toEqual({ refused: "notLeader" });
});

test("the leader is not removed or demoted while it leads [M-5]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  for (const text of ["r1", "l1", "r1 l4"]) {
    expect(leader.proposeConfigurationChange(change(text))).toEqual({ refused: "changeRemovesLeader" });
  }
  leader.transferLeadership(2);
  network.settle();
  expect(network.core(2).proposeConfigurationChange(change("r1"))).toMatchObject({ term: 2 });
  network.settle();
  expect(network.core(1).configuration.voters).toEqual([2, 3]);
});

/** 1 leads, with a change in its log, proposed by the leader before it, that removes it; nobody has applied it yet. */
function aboutToBeRemoved(stepDownOnRemoval: boolean): TestNetwork {
  const network = new TestNetwork([1, 2, 3], { stepDownOnRemoval });
  network.elect(2);
  network.isLost = (message) => message.type === "appendEntriesResponse";
  network.core(2).proposeConfigurationChange(change("r1"));
  network.settle();
  network.isLost = (message) => message.type === "appendEntries";
  network.elect(1);
  network.heal();
  return network;
}

test("a leader that applies its own removal steps down, and the others go on [M-5]", () => {
  const network = aboutToBeRemoved(true);
  const removed = network.core(1);
  network.tick(1);
  expect(removed.configuration.voters).toEqual([2, 3]);
  expect(removed.role).toBe("follower");
  network.tick(60);
  expect([2, 3]).toContain(network.leader.id);
  // It does not stand for election any more.
  removed.campaign();
  expect(removed.role).toBe("follower");
});

test("a removed leader that is told to go on finishes, takes nothing new, and knows its successor [M-5]", () => {
  const network = aboutToBeRemoved(false);
  const removed = network.core(1);
  network.tick(1);
  expect([removed.role, removed.configuration.voters]).toEqual(["leader", [2, 3]]);
  expect(removed.propose(bytesOf("a"))).toEqual({ refused: "notLeader" });
  expect(network.core(2).commitIndex).toBe(removed.commitIndex);
  network.isolate(1);
  network.tick(60);
  network.heal();
  network.tick(3);
  expect([2, 3]).toContain(network.leader.id);
});

test.for([{ preVote: false }, { preVote: true }])(
  "who has left with the longest log refuses its vote, and tells by that that it has left: pre-vote $preVote [M-5]",
  ({ preVote }) => {
    const network = new TestNetwork([1, 2], { stepDownOnRemoval: true, preVote });
    const [removed, other] = [network.core(1), network.core(2)];
    network.elect(2);
    network.isLost = ({ type }) => type === "appendEntriesResponse";
    other.proposeConfigurationChange(change("r1"));
    network.settle();
    const answers: Message[] = [];
    network.isLost = (message) => message.type === "appendEntriesResponse" && answers.push(message) > 0;
    removed.step({ type: "timeoutNow", from: 2, to: 1, term: removed.term });
    network.settle();
    expect(removed.role).toBe("leader");
    // What comes behind the change is in its log alone when it hears that the change is committed; the other one does not.
    network.isLost = ({ to }) => to === 2;
    removed.propose(bytesOf("a"));
    network.settle();
    for (const answer of answers) removed.step(answer);
    network.settle();
    expect([removed.configuration.voters, removed.role]).toEqual([[2], "follower"]);
    expect(other.configuration.voters).toEqual([1, 2]);
    expect(removed.lastIndex).toBeGreaterThan(other.lastIndex);
    network.heal();
    network.tick(60);
    expect(network.leader.id).toBe(2);
    expect(other.configuration.voters).toEqual([2]);
  },
);

test("who votes tells what is committed: it may be the only one to know by what change its vote suffices [M-10]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.addEmpty(4);
  leader.proposeConfigurationChange(change("l4"));
  network.settle();
  network.tick(2);
  // The joint configuration, and the one behind it.
  const left = leader.lastIndex + 2;
  const answers: Message[] = [];
  network.isLost = (message) => {
    const { type, to } = message;
    if (type === "appendEntriesResponse" && message.index >= left) return answers.push(message) > 0;
    return to === 2 && type === "appendEntries" && message.previousIndex >= left;
  };
  leader.proposeConfigurationChange(change("v4 r3"));
  network.settle();
  leader.propose(bytesOf("a"));
  network.settle();
  network.isLost = ({ type, to }) => to !== 2 || type === "appendEntries";
  for (const answer of answers)
    if (answer.type === "appendEntriesResponse" && answer.index === left) leader.step(answer);
  network.settle();
  network.tick(2);
  const [two, four] = [network.core(2), network.core(4)];
  const voters = [1, 2, 4];
  expect(two.configuration).toMatchObject({ voters, votersOutgoing: [] });
  expect(four.configuration).toMatchObject({ voters, votersOutgoing: [1, 2, 3] });
  expect(four.lastIndex).toBeGreaterThan(two.lastIndex);
  network.heal();
  network.isolate(1, 3);
  network.tick(100);
  expect(four.configuration).toMatchObject({ voters, votersOutgoing: [] });
  expect([two.role, four.role]).toContain("leader");
});

test.for([{ granted: false }, { granted: true }])(
  "what a vote says is committed counts where the entry is the same, and not otherwise: granted $granted [M-5, I-6]",
  ({ granted }) => {
    const said = (commit: number, commitTerm: number, isGranted = granted): Message => {
      const envelope = { from: 2, to: 1, term: 3, commit, commitTerm };
      return { type: "requestVoteResponse", ...envelope, isPreVote: true, granted: isGranted };
    };
    const network = new TestNetwork([1, 2, 3]);
    network.elect(1);
    network.isolate(1);
    network.propose(1, "a");
    network.propose(1, "b");
    const { core } = network.node(1);
    const { commitIndex, lastIndex } = core;
    // A later term, and it leads no more.
    core.step(said(0, 0, false));
    core.step(said(lastIndex, 2));
    core.step(said(lastIndex + 1, 1));
    core.step(said(commitIndex - 1, 1));
    core.step(said(0, 0));
    expect([core.commitIndex, core.role]).toEqual([commitIndex, "follower"]);
    core.step(said(lastIndex - 1, 1));
    expect(core.commitIndex).toBe(lastIndex - 1);
  },
);

test("a node that does not know that it was removed disturbs nobody [E-4]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.isolate(3);
  leader.proposeConfigurationChange(change("r3"));
  network.settle();
  network.tick(40);
  network.heal();
  const { term } = leader;
  network.tick(60);
  expect(network.leader.id).toBe(1);
  expect(network.leader.term).toBe(term);
});

test("with fewer voters more may be committed", () => {
  const network = new TestNetwork([1, 2, 3, 4]);
  const leader = network.elect(1);
  network.isolate(3, 4);
  network.isLost = (message) => message.type === "appendEntriesResponse" && message.from !== 2;
  leader.proposeConfigurationChange(change("r4"));
  leader.propose(bytesOf("a"));
  network.settle();
  // Three of four are needed for the change; then two of three suffice for what follows it.
  expect(leader.commitIndex).toBeLessThan(2);
  network.isLost = (message) => message.type === "appendEntriesResponse" && message.from === 3 && message.index > 2;
  network.tick(1);
  expect(leader.configuration.voters).toEqual([1, 2, 3]);
  expect(leader.commitIndex).toBe(leader.lastIndex);
});

test("after a restart the configuration is that of the applied index and goes forward from there [M-8]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.addEmpty(4);
  leader.proposeConfigurationChange(change("l4"));
  network.settle();
  network.node(2).checkpoint();
  leader.proposeConfigurationChange(change("v4 r3"));
  network.settle();
  network.tick(2);
  const node = network.node(2);
  node.restart();
  expect(node.core.configuration).toMatchObject({ voters: [1, 2, 3], learners: [4] });
  network.tick(2);
  expect(node.core.configuration).toMatchObject({ voters: [1, 2, 4], votersOutgoing: [], learners: [] });
});

test("an id that has gone, or lies below one that was given, is not given again, whoever leads [C-4]", () => {
  const network = new TestNetwork([1, 2, 3], { idsAscend: true });
  const leader = network.elect(1);
  network.addEmpty(9);
  leader.proposeConfigurationChange(change("l9"));
  network.settle();
  leader.proposeConfigurationChange(change("r9"));
  network.settle();
  expect(leader.configuration.learners).toEqual([]);
  const next = network.elect(2);
  network.tick(3);
  expect(next.configuration.highestReplica).toBe(9);
  for (const id of [9, 8, 4])
    expect(next.proposeConfigurationChange(change(`l${id}`))).toEqual({ refused: "replicaIdUsed" });
  network.addEmpty(10);
  expect(next.proposeConfigurationChange(change("l10"))).toMatchObject({ term: next.term });
  network.settle();
  expect(next.configuration).toMatchObject({ learners: [10], highestReplica: 10 });
});
