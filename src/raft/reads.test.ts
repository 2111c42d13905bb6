import { expect, test } from "vitest";
import { bytesOf, seededRandom, TestNetwork } from "../../test/raft/network.ts";
import type { Message } from "./index.ts";

function heartbeats(messages: readonly Message[]): Message[] {
  return messages.filter((message) => message.type === "heartbeat");
}

test("a read is confirmed at the commit index it came at, by a round begun after it came [R-1]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.propose(1, "a");
  // A round is under way already; its answers must not count.
  leader.tick();
  const earlier = heartbeats(network.node(1).takeReady());
  expect(earlier).toHaveLength(2);
  expect(leader.readIndex(70)).toBe(true);
  for (const message of earlier) network.deliver(message);
  for (const id of [2, 3]) network.work(network.node(id));
  for (const message of network.messages.splice(0)) network.deliver(message);
  network.messages.push(...network.node(1).takeReady());
  expect(network.node(1).reads).toEqual([]);
  network.settle();
  expect(network.node(1).reads).toEqual([{ context: 70, index: 2 }]);
});

test("an answer to the round of an earlier read does not confirm a later one [R-3]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  leader.readIndex(70);
  const first = heartbeats(network.node(1).takeReady());
  leader.readIndex(71);
  const second = heartbeats(network.node(1).takeReady());
  for (const message of first) network.deliver(message);
  for (const id of [2, 3]) network.work(network.node(id));
  for (const message of network.messages.splice(0)) network.deliver(message);
  network.messages.push(...network.node(1).takeReady());
  expect(network.node(1).reads.map(({ context }) => context)).toEqual([70]);
  for (const message of second) network.deliver(message);
  network.settle();
  expect(network.node(1).reads.map(({ context }) => context)).toEqual([70, 71]);
});

test("reads of one turn share one round of heartbeats", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  for (const context of [70, 71, 72]) leader.readIndex(context);
  const sent = heartbeats(network.node(1).takeReady());
  expect(sent).toHaveLength(2);
  for (const message of sent) network.deliver(message);
  network.settle();
  expect(network.node(1).reads.map(({ context }) => context)).toEqual([70, 71, 72]);
});

test("a leader holds reads back until it has committed an entry of its own term [R-2]", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.propose(1, "a");
  network.crash(1);
  network.isLost = (message) => message.type === "appendEntries";
  const leader = network.elect(2);
  expect(leader.readIndex(70)).toBe(true);
  network.tick(3);
  expect(network.node(2).reads).toEqual([]);
  network.heal();
  network.tick(2);
  expect(network.node(2).reads).toEqual([{ context: 70, index: 3 }]);
});

test("a leader that is alone holds reads back as well: its commit index may be old after a restart [R-2]", () => {
  const network = new TestNetwork([1]);
  network.elect(1);
  network.propose(1, "a");
  const node = network.node(1);
  node.disk.hardState = { ...node.disk.hardState, commit: 0 };
  node.restart();
  network.isSyncing = false;
  node.core.campaign();
  network.settle();
  network.messages.push(...node.sync());
  expect(node.core.role).toBe("leader");
  node.core.readIndex(70);
  network.settle();
  expect(node.reads).toEqual([]);
  network.isSyncing = true;
  network.settle();
  expect(node.reads).toEqual([{ context: 70, index: 3 }]);
});

test("a leader that was replaced without knowing it confirms no read [R-6]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const old = network.elect(1);
  network.isolate(1);
  const next = network.elect(2);
  network.propose(2, "a");
  expect(old.role).toBe("leader");
  old.readIndex(70);
  network.settle();
  expect(network.node(1).reads).toEqual([]);
  network.heal();
  network.tick(2);
  // It ends with an error and never with a value.
  expect(network.node(1).reads).toEqual([]);
  expect(network.node(1).failedReads).toEqual([70]);
  expect(next.role).toBe("leader");
});

test("a pause between noting the index and asking for confirmation is harmless, as is one before the answer [R-6]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const old = network.elect(1);
  old.readIndex(70);
  // Stopped here, with its heartbeats not sent yet, while the others go on.
  const node = network.node(1);
  const late = node.takeReady();
  node.isUp = false;
  network.elect(2);
  network.propose(2, "a");
  node.isUp = true;
  for (const message of late) network.deliver(message);
  network.settle();
  expect(network.node(1).reads).toEqual([]);
  expect(network.node(1).failedReads).toEqual([70]);
});

test("all pending reads end with an error when the leader steps down [R-5]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.isolate(1);
  for (const context of [70, 71]) leader.readIndex(context);
  network.tick(20);
  expect(network.node(1).reads).toEqual([]);
  expect(network.node(1).failedReads).toEqual([70, 71]);
  expect(leader.readIndex(72)).toBe(false);
});

test("a read needs a majority of both halves of a joint configuration [R-4]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  for (const id of [4, 5]) network.addEmpty(id);
  const all = (action: "addLearner" | "addVoter") => [4, 5].map((replica) => ({ action, replica }));
  leader.proposeConfigurationChange({ transition: "auto", changes: all("addLearner") });
  network.settle();
  leader.proposeConfigurationChange({
    transition: "explicit",
    changes: [...all("addVoter"), { action: "remove", replica: 2 }, { action: "remove", replica: 3 }],
  });
  network.settle();
  network.tick(3);
  expect(leader.configuration).toMatchObject({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3] });
  network.isLost = (message) => message.from === 4 || message.from === 5;
  leader.readIndex(70);
  network.settle();
  expect(network.node(1).reads).toEqual([]);
  network.isLost = (message) => message.from === 2 || message.from === 3;
  leader.readIndex(71);
  network.settle();
  // The first read has been answered by either half now, the second one by the incoming half only.
  expect(network.node(1).reads.map(({ context }) => context)).toEqual([70]);
  network.heal();
  leader.tick();
  network.settle();
  expect(network.node(1).reads.map(({ context }) => context)).toEqual([70, 71]);
});

test("a follower asks the leader for an index and is bound to wait for it [R-7]", () => {
  const network = new TestNetwork([1, 2, 3], { forwarding: "once" });
  network.elect(1);
  network.propose(1, "a");
  expect(network.core(3).readIndex(70)).toBe(true);
  network.settle();
  expect(network.node(3).reads).toEqual([{ context: 70, index: 2 }]);
  // An answer of an earlier term is not looked at.
  network.core(3).readIndex(71);
  network.messages.push(...network.node(3).takeReady());
  const answer: Message = { type: "readIndexResponse", from: 1, to: 3, term: 0, context: 71, index: 1 };
  network.elect(2);
  network.core(3).step({ ...answer, term: 1 });
  network.settle();
  expect(network.node(3).reads.filter(({ context, index }) => context === 71 && index < 2)).toEqual([]);
});

test("a lease answers at once, but not while leadership is handed over [R-8]", () => {
  const network = new TestNetwork([1, 2, 3], { readMode: "lease" });
  // Leases are not forgotten, so that the election waits for the timeout.
  network.tick(60);
  const leader = network.leader;
  const follower = leader.id === 3 ? 2 : 3;
  leader.readIndex(70);
  expect(leader.ready().reads).toEqual([{ context: 70, index: leader.commitIndex }]);
  network.isLost = (message) => message.to === follower;
  leader.propose(bytesOf("a"));
  leader.transferLeadership(follower);
  leader.readIndex(71);
  expect(leader.ready().reads).toEqual([]);
});

/** Whether a leader that is cut off after `ticks` answers by its lease what is old by then, all clocks being even. */
function answersWithWhatIsOld(ticks: number): boolean {
  const network = new TestNetwork([1, 2, 3], { readMode: "lease", random: seededRandom(ticks) });
  network.tick(60 + ticks);
  const old = network.leader;
  const { commitIndex } = old;
  const others = [1, 2, 3].filter((id) => id !== old.id).map((id) => network.core(id));
  network.isolate(old.id);
  for (let count = 0; count < 100; count++) {
    network.tick(1);
    const successor = others.find(({ role }) => role === "leader");
    successor?.propose(bytesOf("new"));
    network.settle();
    if (!old.readIndex(count)) return false;
    const [read] = old.ready().reads;
    if (read !== undefined && successor !== undefined && successor.commitIndex > commitIndex + 1) return true;
  }
  throw new Error("who is cut off leads for ever");
}

test("a lease is a guess: who is cut off answers by it until it notices, and another may lead by then [R-8]", () => {
  const answers = Array.from({ length: 16 }, (_, ticks) => answersWithWhatIsOld(ticks));
  expect(new Set(answers)).toEqual(new Set([false, true]));
});

function askedBy(network: TestNetwork, context: number): number[] {
  network.core(1).readIndex(context);
  const sent = heartbeats(network.node(1).takeReady());
  network.messages.push(...sent);
  return sent.map(({ to }) => to);
}

test("a read asks those that confirmed the one before it, and everybody only when it is told to", () => {
  const network = new TestNetwork([1, 2, 3, 4, 5], { asksFewForReads: true });
  const leader = network.elect(1);
  network.isLost = ({ from, type }) => type === "heartbeatResponse" && from !== 3 && from !== 4;
  expect(askedBy(network, 70)).toEqual([2, 3, 4, 5]);
  network.settle();
  network.heal();
  expect(askedBy(network, 71)).toEqual([3, 4]);
  network.settle();
  expect(network.node(1).reads.map(({ context }) => context)).toEqual([70, 71]);
  // One of them falls silent.
  network.isolate(4);
  expect(askedBy(network, 72)).toEqual([3, 4]);
  network.settle();
  expect(network.node(1).reads).toHaveLength(2);
  leader.askEverybody();
  network.settle();
  expect(network.node(1).reads.map(({ context }) => context)).toEqual([70, 71, 72]);
  expect(askedBy(network, 73)).not.toContain(4);
  network.settle();
  // Nobody is asked for nothing.
  leader.askEverybody();
  expect(network.node(1).takeReady()).toEqual([]);
});

test("without being told to, a read that few were asked for is confirmed by the next heartbeats [R-1]", () => {
  const network = new TestNetwork([1, 2, 3], { asksFewForReads: true });
  network.elect(1);
  network.isLost = ({ from, type }) => type === "heartbeatResponse" && from === 3;
  askedBy(network, 70);
  network.settle();
  network.isolate(2);
  expect(askedBy(network, 71)).toEqual([2]);
  network.settle();
  expect(network.node(1).reads).toHaveLength(1);
  network.tick(1);
  expect(network.node(1).reads.map(({ context }) => context)).toEqual([70, 71]);
});

test("who confirmed a read of one half only does not do for a joint configuration [R-4]", () => {
  const network = new TestNetwork([1, 2, 3], { asksFewForReads: true });
  const leader = network.elect(1);
  for (const id of [4, 5]) network.addEmpty(id);
  const all = (action: "addLearner" | "addVoter") => [4, 5].map((replica) => ({ action, replica }));
  leader.proposeConfigurationChange({ transition: "auto", changes: all("addLearner") });
  network.settle();
  askedBy(network, 70);
  network.settle();
  expect(askedBy(network, 71)).toHaveLength(1);
  network.settle();
  leader.proposeConfigurationChange({
    transition: "explicit",
    changes: [...all("addVoter"), { action: "remove", replica: 2 }, { action: "remove", replica: 3 }],
  });
  network.settle();
  network.tick(3);
  expect(leader.configuration).toMatchObject({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3] });
  expect(askedBy(network, 72)).toEqual([2, 3, 4, 5]);
  network.settle();
  const asked = askedBy(network, 73);
  expect(asked.some((id) => id === 2 || id === 3) && asked.some((id) => id === 4 || id === 5)).toBe(true);
  network.settle();
  expect(network.node(1).reads.map(({ context }) => context)).toEqual([70, 71, 72, 73]);
});
