import { expect, test } from "vitest";
import { TestNetwork } from "../../test/raft/network.ts";
import type { ReplicaId } from "./index.ts";

test("between two beats only followers that may lack something hear a heartbeat, and all do while a read waits [H-2]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const leader = network.elect(1);
  const heard = (isBeat: boolean): ReplicaId[] => {
    leader.tick(isBeat);
    const messages = network.node(1).takeReady();
    network.messages.push(...messages);
    return messages.filter(({ type }) => type === "heartbeat").map(({ to }) => to);
  };
  network.propose(1, "a");
  expect(heard(false)).toEqual([]);
  expect(heard(true)).toEqual([2, 3]);
  network.settle();
  // It acknowledged nothing, though it was sent all.
  network.isolate(3);
  network.propose(1, "b");
  expect(heard(false)).toEqual([3]);
  network.heal();
  network.settle();
  expect(network.core(3).commitIndex).toBe(3);
  expect(heard(false)).toEqual([]);
  network.isolate(1);
  leader.readIndex(70);
  network.node(1).takeReady();
  expect(heard(false)).toEqual([2, 3]);
});

test("a follower that was not told that all is committed hears it between two beats, where heartbeats tell it [H-2]", () => {
  const network = new TestNetwork([1, 2, 3], { commitsByHeartbeat: true });
  const leader = network.elect(1);
  network.propose(1, "a");
  expect(network.core(2).commitIndex).toBeLessThan(leader.commitIndex);
  leader.tick(false);
  network.settle();
  for (const id of [2, 3]) expect(network.core(id).commitIndex).toBe(leader.commitIndex);
});

test("heartbeats at every second tick alone keep a leader, and without any it steps down [H-2]", () => {
  const network = new TestNetwork([1, 2, 3]);
  const { term } = network.elect(1);
  const tickAll = (isBeat: boolean): void => {
    for (const { core } of network.nodes.values()) core.tick(isBeat);
    network.settle();
  };
  for (let tick = 0; tick < 200; tick++) tickAll(tick % 2 === 0);
  expect(network.core(1)).toMatchObject({ role: "leader", term });
  for (let tick = 0; tick < 21; tick++) tickAll(false);
  expect(network.core(1).role).not.toBe("leader");
});
