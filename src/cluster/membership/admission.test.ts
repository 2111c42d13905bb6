import { expect, test } from "vitest";
import type { PeerIdentity, Refusal } from "../../net/index.ts";
import { silentLogger } from "../../platform/index.ts";
import { SimulatedWorld } from "../../simulation/index.ts";
import { admit as admitRun } from "./admission.ts";
import { shapeDigest } from "./identity.ts";
import { firstMembers, type Member } from "./member.ts";
import { NodeDirectory } from "./node-directory.ts";

const names = ["n1", "n2", "n3"];
const joined: Member = {
  id: 4,
  name: "n4",
  state: "active",
  directoryId: "4".repeat(32),
  peerAddress: { host: "n4", port: 17_000 },
};

/** Of peers that were never seen before. */
function admit(directory: NodeDirectory, identity: PeerIdentity): Refusal | undefined {
  return admitRun(directory, identity, { start: 0, incarnation: undefined });
}

/** What node n1 knows; it has heard of these members. */
function directoryWith(members: readonly Member[], replicas?: number): NodeDirectory {
  const { random } = new SimulatedWorld({ seed: 1 }).machine("n1").start();
  const directory = NodeDirectory.inMemory({
    random,
    logger: silentLogger,
    given: {
      name: "n1",
      peers: names.map((name) => ({ name, host: name, port: 17_000 })),
      secret: "secret",
      clusterId: undefined,
      shardCount: undefined,
      replicaCount: replicas,
      listenHost: undefined,
      address: undefined,
      join: undefined,
    },
  });
  directory.setMembers(members);
  return directory;
}

function peer(directory: NodeDirectory, changes: Partial<PeerIdentity>): PeerIdentity {
  return {
    clusterId: Buffer.from(directory.record.clusterId, "hex"),
    shapeDigest: shapeDigest(directory.record),
    nodeId: 4,
    name: "n4",
    directoryId: Buffer.from("4".repeat(32), "hex"),
    bootCounter: 1,
    incarnation: Buffer.alloc(16, 1),
    diskEpoch: 1,
    address: { host: "n4", port: 17_000 },
    ...changes,
  };
}

test("a node that joined is let in once its peer has heard of it, and is to try again before", () => {
  const directory = directoryWith(firstMembers(names));
  expect(admit(directory, peer(directory, {}))?.code).toBe("UNKNOWN_NODE");
  expect(directory.memoryOf(4)).toBeUndefined();
  directory.setMembers([...firstMembers(names), joined]);
  expect(admit(directory, peer(directory, {}))).toBeUndefined();
  expect(directory.memoryOf(4)).toMatchObject({ bootCounter: 1, directoryId: "4".repeat(32) });
});

test.for([
  { what: "under a number that belongs to another", changes: { name: "n5" }, code: "WRONG_NODE" },
  { what: "under this node's own number", changes: { nodeId: 1, name: "n1" }, code: "WRONG_NODE" },
  {
    what: "with another directory than it joined with, though it was never seen",
    changes: { directoryId: Buffer.alloc(16, 5) },
    code: "FORGOTTEN",
  },
  {
    what: "of a cluster that began with other numbers",
    changes: { shapeDigest: Buffer.alloc(8) },
    code: "WRONG_NAMES",
  },
])("a node that comes $what is refused [M-11]", ({ changes, code }) => {
  const directory = directoryWith([...firstMembers(names), joined]);
  expect(admit(directory, peer(directory, changes))?.code).toBe(code);
});

test("a removed node is refused for good, and its name may come back under another number", () => {
  const removed: Member = { ...joined, state: "removed" };
  const again: Member = { ...joined, id: 5, directoryId: "5".repeat(32) };
  const directory = directoryWith([...firstMembers(names), joined]);
  expect(admit(directory, peer(directory, {}))).toBeUndefined();
  directory.setMembers([...firstMembers(names), removed, again]);
  expect(admit(directory, peer(directory, {}))).toMatchObject({
    code: "REMOVED",
    text: expect.stringMatching(/n4 \(4\) was removed .* join anew with an empty directory/),
  });
  const directoryId = Buffer.from("5".repeat(32), "hex");
  expect(admit(directory, peer(directory, { nodeId: 5, directoryId }))).toBeUndefined();
  expect([directory.nodeIdOf("n4"), directory.peerIds]).toEqual([5, [2, 3, 5]]);
});

test("nodes that were told other numbers of replicas are no cluster", () => {
  const [usual, other] = [directoryWith(firstMembers(names)), directoryWith(firstMembers(names), 2)];
  expect(usual.record.replicaCount).toBe(3);
  const identity = peer(other, { nodeId: 2, name: "n2", clusterId: Buffer.from(usual.record.clusterId, "hex") });
  expect(admit(usual, identity)?.code).toBe("WRONG_NAMES");
});
