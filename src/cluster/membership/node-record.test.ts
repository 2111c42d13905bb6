import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { shapeDigest } from "./identity.ts";
import { firstMembers } from "./member.ts";
import { formatNodeRecord, type NodeRecord, nodeKey, parseNodeRecord } from "./node-record.ts";

const hex = (digit: string): string => digit.repeat(32);

/** As it was written before nodes could join. */
function oldText(names: readonly string[]): string {
  return JSON.stringify({
    format: 1,
    clusterId: hex("c"),
    name: names[1],
    names,
    shardCount: 4,
    directoryId: hex("d"),
    bootCounter: 3,
    diskEpoch: 7,
    addresses: { [names[0] ?? ""]: { host: "db1", port: 17_001 } },
    peers: {},
    replicas: { 2: 65_538 },
  });
}

function namesUpTo(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `n${at + 1}`);
}

test.for([1, 2, 3, 5, 7, 9, 15, 16, 40, 64])(
  "a directory of %d nodes from before others could join still opens, with every shard everywhere",
  (count) => {
    const names = namesUpTo(Math.max(2, count));
    const record = parseNodeRecord("node.json", oldText(names));
    expect(record).toMatchObject({
      nodeId: 2,
      names,
      shardCount: 4,
      members: firstMembers(names),
      replicas: { 2: 65_538 },
    });
    expect(record.replicaCount).toBeGreaterThanOrEqual(names.length);
    expect(parseNodeRecord("node.json", formatNodeRecord(record))).toEqual(record);
    // Its peers may still run the version that wrote it.
    const digest = createHash("sha256")
      .update([...names, "", "4"].join("\0"))
      .digest()
      .subarray(0, 8);
    expect(shapeDigest(record)).toEqual(digest);
  },
);

test("one of more nodes than a shard can have replicas is refused, and says so", () => {
  const says = "is of a cluster of 65 first nodes, each with every shard; this version serves up to 64.";
  expect(() => parseNodeRecord("node.json", oldText(namesUpTo(65)))).toThrow(says);
});

test("what is written is what is read, of a node that joined too", () => {
  const names = namesUpTo(3);
  const member = {
    id: 9,
    name: "n4",
    state: "draining" as const,
    directoryId: hex("e"),
    peerAddress: { host: "::1", port: 1 },
  };
  const record: NodeRecord = {
    ...parseNodeRecord("node.json", oldText(names)),
    name: "n4",
    nodeId: 9,
    replicaCount: 2,
    members: [...firstMembers(names), { ...member, id: 4, state: "removed" }, member],
    refusal: "REMOVED: …",
  };
  expect(parseNodeRecord("node.json", formatNodeRecord(record))).toEqual(record);
  expect([nodeKey(names, 2), nodeKey(names, 9)]).toEqual(["n2", "#9"]);
});

test("a bit that has flipped is found wherever it says something else, and a copy with other spaces is sound", () => {
  const names = namesUpTo(3);
  const memory = { directoryId: hex("d"), bootCounter: 4, incarnation: hex("a"), diskEpoch: 6 };
  const record: NodeRecord = {
    ...parseNodeRecord("node.json", oldText(names)),
    bootCounter: 2,
    incarnations: [hex("1"), hex("2")],
    peers: { n1: memory, n3: { ...memory, bootCounter: 1 } },
    replicas: { 0: 65_537, 10: 131_074 },
    refusal: "REMOVED: “n2” is…",
  };
  const bytes = Buffer.from(formatNodeRecord(record), "utf8");
  expect(parseNodeRecord("node.json", JSON.stringify(JSON.parse(bytes.toString("utf8"))))).toEqual(record);
  let refusedCount = 0;
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const flipped = Buffer.from(bytes);
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    let read: NodeRecord | undefined;
    try {
      read = parseNodeRecord("node.json", flipped.toString("utf8"));
    } catch {
      refusedCount++;
    }
    // Between the values, or in the name of the checksum itself.
    if (read !== undefined) expect(read).toEqual(record);
  }
  expect(refusedCount).toBeGreaterThan(7 * bytes.length);
});

test.for([
  { what: "a number that is nobody's", changes: { nodeId: 4 } },
  { what: "another's number", changes: { nodeId: 1 } },
  { what: "no replicas", changes: { replicaCount: 0 } },
  { what: "more replicas than there can be", changes: { replicaCount: 16 } },
])("a record with $what is damaged", ({ changes }) => {
  const text = JSON.stringify({ ...JSON.parse(oldText(namesUpTo(3))), ...changes });
  expect(() => parseNodeRecord("node.json", text)).toThrow(/damaged or incomplete/);
});

test("members that cannot be read are left out, and the first nodes never are", () => {
  const members = [{ id: 4, name: "n4", state: "lost" }, { id: 0 }, undefined, { id: 1, name: "n1", state: "removed" }];
  const text = JSON.stringify({ ...JSON.parse(oldText(namesUpTo(3))), members });
  const found = parseNodeRecord("node.json", text).members;
  expect(found.map(({ id, state }) => [id, state])).toEqual([
    [1, "removed"],
    [2, "active"],
    [3, "active"],
  ]);
});
