import { expect, test } from "vitest";
import { SeededRandom } from "../simulation/index.ts";
import { GossipCore, gossipDefaults, messageBytesMax } from "./index.ts";
import { Seal } from "./seal.ts";

const clusterId = Buffer.from("cluster");
const secret = Buffer.from("a secret of the cluster");
const body = Buffer.from("a message");

test.for([
  { name: "sealed", seal: new Seal({ clusterId, secret }) },
  { name: "open", seal: new Seal({ clusterId }) },
])("a $name datagram is opened by its own cluster, and one that is damaged anywhere is not [W-7]", ({ seal }) => {
  const datagram = seal.close(body);
  expect(seal.open(datagram)).toEqual(body);
  expect(seal.open(new Uint8Array(datagram))).toEqual(body);
  for (let at = 0; at < datagram.length; at++) {
    const damaged = Buffer.from(datagram);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    expect(seal.open(damaged)).toBeTypeOf("string");
  }
  for (let length = 0; length < datagram.length; length++) {
    expect(seal.open(datagram.subarray(0, length))).toBeTypeOf("string");
  }
});

test.for([
  {
    fault: "wrongCluster",
    from: new Seal({ clusterId: Buffer.from("other"), secret }),
    at: new Seal({ clusterId, secret }),
  },
  { fault: "wrongCluster", from: new Seal({ clusterId: Buffer.from("other") }), at: new Seal({ clusterId }) },
  { fault: "notSealed", from: new Seal({ clusterId }), at: new Seal({ clusterId, secret }) },
  { fault: "wrongSeal", from: new Seal({ clusterId, secret }), at: new Seal({ clusterId }) },
  { fault: "wrongSeal", from: new Seal({ clusterId, secret: Buffer.from("x") }), at: new Seal({ clusterId, secret }) },
])("what another cluster or secret has sent is dropped: $fault", ({ fault, from, at }) => {
  expect(at.open(from.close(body))).toBe(fault);
});

test("what is too large, of another version, or nothing at all is dropped", () => {
  const seal = new Seal({ clusterId });
  expect(seal.open(Buffer.alloc(messageBytesMax + 1))).toBe("tooLarge");
  expect(seal.open(Buffer.of(2))).toBe("wrongVersion");
  expect(seal.open(Buffer.alloc(0))).toBe("wrongVersion");
  expect(seal.open(seal.close(body).subarray(0, 11))).toBe("damaged");
});

test("bad datagrams are counted by what is wrong with them, and change nothing [W-7]", () => {
  const address = { host: "10.0.0.1", port: 1 };
  const core = new GossipCore({
    id: 1,
    incarnation: 1,
    details: { name: "n1", zone: "", weight: 100, address, addresses: [] },
    seeds: [],
    settings: gossipDefaults,
    random: new SeededRandom(1),
    nowMs: 0,
    clusterId,
    secret,
  });
  const ours = new Seal({ clusterId, secret });
  const bad = [
    Buffer.alloc(2_000),
    Buffer.of(9, 9),
    new Seal({ clusterId: Buffer.from("other"), secret }).close(body),
    new Seal({ clusterId }).close(body),
    new Seal({ clusterId, secret: Buffer.from("x") }).close(body),
    ours.close(Buffer.of(99)),
    ours.close(Buffer.alloc(0)),
  ];
  for (const bytes of bad) core.receive(bytes, address, 1);
  expect(core.counters()).toMatchObject({
    receivedCount: 7,
    droppedCounts: {
      tooLarge: 1,
      wrongVersion: 1,
      wrongCluster: 1,
      notSealed: 1,
      wrongSeal: 1,
      damaged: 0,
      malformed: 2,
    },
  });
  expect(core.takeOutput()).toEqual({ datagrams: [], streamProbes: [], events: [] });
});
