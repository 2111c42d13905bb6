import { bench, describe } from "vitest";
import { HashRing, plan, ringPosition } from "./index.ts";

const keysPerRound = 1_000;
const keys = Array.from({ length: keysPerRound }, (_, index) => `key:${String(index).padStart(12, "0")}`);
const nodes = Array.from({ length: 12 }, (_, id) => ({ id }));
const ring = new HashRing(nodes);

describe(`${keysPerRound} keys of 16 bytes`, () => {
  bench("positions", () => {
    for (const key of keys) ringPosition(key);
  });
  bench("owners among 12 nodes", () => {
    for (const key of keys) ring.ownerOf(key);
  });
});

describe("64 shards of three replicas, 12 nodes", () => {
  const options = { shards: 64, replicas: 3 };
  const before = plan([], nodes.slice(1), options);
  bench("the ring", () => {
    new HashRing(nodes);
  });
  bench("a plan for one that joins", () => {
    plan(before.placement, nodes, options);
  });
});
