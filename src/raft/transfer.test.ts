import { expect, test } from "vitest";
import { bytesOf, TestNetwork } from "../../test/raft/network.ts";
import type { Message } from "./index.ts";

function timeoutNow(from: number, to: number, term: number): Message {
  return { type: "timeoutNow", from, to, term };
}

test("leadership goes to a follower that is up to date at once, whatever leases and pre-votes say", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.propose(1, "a");
  expect(leader.transferLeadership(3)).toBe(true);
  network.settle();
  expect(network.leader.id).toBe(3);
  expect(network.leader.term).toBe(2);
});

test("a follower that is behind catches up first", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.isolate(3);
  network.propose(1, "a", "b");
  network.heal();
  leader.transferLeadership(3);
  network.settle();
  network.tick(2);
  expect(network.leader.id).toBe(3);
  expect(network.node(3).appliedTexts).toEqual(["a", "b"]);
});

test("while leadership is handed over proposals are refused, and it is given up after T", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.isolate(3);
  leader.transferLeadership(3);
  expect(leader.propose(bytesOf("a"))).toEqual({ refused: "transferring" });
  network.tick(9);
  expect(leader.propose(bytesOf("a"))).toEqual({ refused: "transferring" });
  network.tick(1);
  expect(leader.propose(bytesOf("a"))).toMatchObject({ index: 2 });
});

test("another target replaces the one before, the same one does not start anew, oneself is none", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.isolate(2, 3);
  leader.transferLeadership(2);
  network.tick(5);
  leader.transferLeadership(2);
  network.tick(5);
  expect(leader.status().transferTarget).toBe(undefined);
  leader.transferLeadership(2);
  leader.transferLeadership(3);
  expect(leader.status().transferTarget).toBe(3);
  expect(leader.transferLeadership(1)).toBe(false);
  expect(leader.status().transferTarget).toBe(3);
});

test("leadership is not handed to a learner, nor to one that is no member", () => {
  const network = new TestNetwork([1, 2, 3], {}, [4]);
  const leader = network.elect(1);
  for (const id of [4, 9]) {
    expect(leader.transferLeadership(id)).toBe(false);
    leader.step({ type: "transferLeader", from: 2, to: 1, term: leader.term, target: id });
  }
  expect(leader.status().transferTarget).toBe(undefined);
  expect(network.core(2).transferLeadership(3)).toBe(false);
});

test("a follower passes the wish for another leader on to its leader", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.core(2).step({ type: "transferLeader", from: 3, to: 2, term: 0, target: 3 });
  network.settle();
  expect(network.leader.id).toBe(3);
});

test("time-out-now to a replica that was removed, is a learner or leads already is ignored [E-7]", () => {
  const network = new TestNetwork([1, 2, 3], {}, [4]);
  const leader = network.elect(1);
  leader.proposeConfigurationChange({ transition: "auto", changes: [{ action: "remove", replica: 3 }] });
  network.settle();
  for (const id of [1, 3, 4]) {
    network.core(id).step(timeoutNow(2, id, leader.term));
    network.settle();
  }
  network.tick(20);
  expect([network.leader.id, network.leader.term]).toEqual([1, 1]);
});

test("time-out-now to a replica that is behind costs an election and loses nothing [E-7]", () => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.isolate(3);
  network.propose(1, "a");
  network.heal();
  network.core(3).step(timeoutNow(1, 3, 1));
  network.settle();
  expect(network.core(3).role).not.toBe("leader");
  network.tick(60);
  expect(network.leader.commitIndex).toBe(network.leader.lastIndex);
  for (const node of network.nodes.values()) expect(node.appliedTexts).toEqual(["a"]);
});

test("a target that leaves the group ends the transfer", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  network.isLost = (message) => message.to === 3 || message.from === 3;
  leader.proposeConfigurationChange({ transition: "auto", changes: [{ action: "remove", replica: 3 }] });
  leader.transferLeadership(3);
  network.settle();
  expect(leader.configuration.voters).toEqual([1, 2]);
  expect(leader.status().transferTarget).toBe(undefined);
  expect(leader.propose(bytesOf("a"))).toMatchObject({ term: 1 });
});
