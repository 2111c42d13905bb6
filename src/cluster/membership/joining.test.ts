import { expect, test } from "vitest";
import { silentLogger } from "../../platform/index.ts";
import { SimulatedWorld } from "../../simulation/index.ts";
import type { GivenIdentity } from "./identity.ts";
import { JoinRefusedError } from "./join-asking.ts";
import type { JoinGrant } from "./join-wire.ts";
import { firstMembers, type Member } from "./member.ts";
import { NodeDirectory } from "./node-directory.ts";

const names = ["n1", "n2", "n3"];

/** A cluster that gives numbers, and the same one to the same directory. */
class Granter {
  readonly numbers: Map<string, number> = new Map();
  readonly asked: string[] = [];

  grant(directoryId: string): JoinGrant {
    this.asked.push(directoryId);
    const nodeId = this.numbers.get(directoryId) ?? 4 + this.numbers.size;
    this.numbers.set(directoryId, nodeId);
    const peerAddress = { host: "n4", port: 17_004 };
    const joined: Member = { id: nodeId, name: "n4", state: "joining", directoryId, peerAddress };
    const first = firstMembers(names).map((member) => ({
      ...member,
      peerAddress: { host: member.name, port: 17_000 },
    }));
    return {
      clusterId: "c".repeat(32),
      nodeId,
      names,
      shardCount: 4,
      replicaCount: 3,
      members: [...first, joined],
    };
  }
}

function given(changes: Partial<GivenIdentity>): GivenIdentity {
  return {
    name: "n4",
    peers: undefined,
    secret: "secret",
    clusterId: undefined,
    shardCount: undefined,
    replicaCount: undefined,
    listenHost: undefined,
    address: undefined,
    join: undefined,
    ...changes,
  };
}

/** `granter`: the cluster, which takes 2 ms to answer. */
function open(world: SimulatedWorld, identity: GivenIdentity, granter?: Granter): Promise<NodeDirectory> {
  const { clock, disk, random } = world.machine("n4").start();
  const join = async (directoryId: string): Promise<JoinGrant> => {
    const grant = granter?.grant(directoryId);
    await new Promise<void>((resolve) => void clock.setTimer(2, resolve));
    return grant ?? Promise.reject(new Error("nobody answers"));
  };
  const asking = granter === undefined ? identity : { ...identity, join };
  return NodeDirectory.open({ disk, random, logger: silentLogger, directory: "/data", given: asking });
}

test("a node that joins knows whom to dial, and needs not be told again", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const granter = new Granter();
  const first = await world.until(open(world, given({}), granter));
  expect([first.nodeId, first.peerIds, first.nameOf(2)]).toEqual([4, [1, 2, 3], "n2"]);
  await world.until(first.close());
  world.machine("n4").kill();
  const again = await world.until(open(world, given({ name: undefined, secret: undefined })));
  expect(again.record).toMatchObject({ nodeId: 4, name: "n4", shardCount: 4, replicaCount: 3, bootCounter: 2 });
  expect([again.addressOf(3), again.addressOf(4), again.secret]).toEqual([
    { host: "n3", port: 17_000 },
    { host: "n4", port: 17_004 },
    "secret",
  ]);
  expect(granter.asked).toEqual([again.record.directoryId]);
});

test("wherever a node dies that joins, its next start asks with the same directory, and gets the same number", async () => {
  let deathCount = 0;
  for (let afterMs = 0; ; afterMs += 0.25) {
    const world = new SimulatedWorld({ seed: 7 });
    const granter = new Granter();
    const opening = open(world, given({}), granter);
    let isOpen = false;
    opening.then(
      () => {
        isOpen = true;
      },
      () => {},
    );
    await world.run(afterMs);
    world.machine("n4").kill();
    const directory = await world.until(open(world, given({}), granter));
    expect(granter.numbers.size, `killed after ${afterMs} ms`).toBe(1);
    expect(directory.nodeId).toBe(4);
    expect(granter.numbers.get(directory.record.directoryId)).toBe(4);
    if (isOpen) break;
    deathCount++;
  }
  expect(deathCount).toBeGreaterThan(10);
});

test("wherever a node is killed that joins, and loses power when it has asked again, it asks with the same directory", async () => {
  let deathCount = 0;
  for (let afterMs = 0; ; afterMs += 0.05) {
    const world = new SimulatedWorld({ seed: 7 + deathCount });
    const granter = new Granter();
    let isOpen = false;
    const start = (): void => {
      open(world, given({}), granter).then(
        () => {
          isOpen = true;
        },
        () => {},
      );
    };
    start();
    await world.run(afterMs);
    if (isOpen) break;
    world.machine("n4").kill();
    start();
    const askedBefore = granter.asked.length;
    await world.runUntil(() => isOpen || granter.asked.length > askedBefore, 1_000);
    world.machine("n4").cutPower("everything");
    const directory = await world.until(open(world, given({}), granter));
    expect(granter.numbers.size, `killed after ${afterMs} ms`).toBe(1);
    expect(granter.numbers.get(directory.record.directoryId)).toBe(4);
    deathCount++;
  }
  expect(deathCount).toBeGreaterThan(10);
});

test.for([
  { reason: "NODE_NAME_TAKEN", isForgotten: true },
  { reason: "WRONG_SECRET", isForgotten: false },
])(
  "refused with $reason, a node may try another name in the same directory: $isForgotten",
  async ({ reason, isForgotten }) => {
    const world = new SimulatedWorld({ seed: 1 });
    const join = (): Promise<JoinGrant> => Promise.reject(new JoinRefusedError(reason, "no"));
    await expect(world.until(open(world, given({ join })))).rejects.toThrow("no");
    world.machine("n4").kill();
    const again = world.until(open(world, given({ name: "n5", join })));
    await expect(again).rejects.toThrow(isForgotten ? "no" : "/data began to join as node n4, not as n5.");
  },
);
