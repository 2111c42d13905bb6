/** Where clients are sent that ask a node which stops, or one that knew it. */
import { afterEach, expect, test } from "vitest";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";
import { gossipDefaults } from "../gossip/index.ts";
import { slotCount } from "../ring/index.ts";
import type { Topology, TopologyNode } from "./topology.ts";

const attribute = "cluster";
const shardCount = 4;

let cluster: SimulatedCluster;

afterEach(() => cluster.close());

/** Three nodes that have told each other their addresses, with gossip to remember them. */
async function started(): Promise<void> {
  cluster = new SimulatedCluster({ node: { shards: shardCount, settings: { gossip: gossipDefaults } } });
  await cluster.start();
  for (const name of cluster.names) cluster.node(name).setAttribute(attribute, `${name}:7000`);
  await cluster.untilAllLed();
  await cluster.world.run(30_000);
  for (const name of cluster.names)
    for (const { attributes } of cluster.node(name).topology().nodes) expect(attributes).toHaveProperty(attribute);
}

function seenAt(name: string, of: string): TopologyNode | undefined {
  return cluster
    .node(name)
    .topology()
    .nodes.find((node) => node.name === of);
}

/** Whom a client is sent to for each shard that the node does not lead. */
function redirectsOf(name: string): readonly (string | undefined)[] {
  const slots = Array.from({ length: shardCount }, (_, shard) => (slotCount / shardCount) * shard);
  return slots.map((slot) => cluster.node(name).leaderAttribute(slot, attribute));
}

function leadersOf({ nodes, shards }: Topology): readonly (string | undefined)[] {
  return shards.map(({ leader }) => nodes.find(({ nodeId }) => nodeId === leader)?.name);
}

test("a node that stops sends clients to others to its end, and they send none to it [B-4]", async () => {
  await started();
  const leaves = "n2";
  const others = ["n1", "n3"];
  const node = cluster.node(leaves);
  expect(leadersOf(node.topology())).toContain(leaves);
  let isClosed = false;
  const closed = node.close().then(() => {
    isClosed = true;
  });
  const withoutIt = new Set<string>();
  for (let ms = 0; ms < 10_000 && !isClosed; ms++) {
    await cluster.world.run(1);
    expect(seenAt(leaves, leaves)?.isUp).toBe(false);
    for (const other of others) {
      expect(seenAt(leaves, other)).toMatchObject({ isUp: true, attributes: { [attribute]: `${other}:7000` } });
      if (seenAt(other, leaves)?.attributes[attribute] === undefined) withoutIt.add(other);
      if (withoutIt.has(other)) {
        expect(redirectsOf(other)).not.toContain(`${leaves}:7000`);
        expect(seenAt(other, leaves)?.attributes).toEqual({});
      }
    }
  }
  await cluster.world.until(closed);
  expect([...withoutIt].toSorted()).toEqual(others);
  // It has no connections any more, and is still asked over those of its clients.
  await cluster.world.run(5_000);
  const leaders = leadersOf(node.topology());
  for (const leader of leaders) expect(others).toContain(leader);
  expect(redirectsOf(leaves)).toEqual(leaders.map((leader) => `${leader}:7000`));
});

test("where a node was before it stopped counts no more once it is back, until it says where it is [B-4]", async () => {
  await started();
  cluster.kill("n3");
  await cluster.world.run(5_000);
  expect(seenAt("n1", "n3")).toMatchObject({ isUp: false, attributes: { [attribute]: "n3:7000" } });
  // So slow that it shows who says what first; and gossip goes on with what it had.
  const slow = { latencyMs: 20, jitterMs: 10, datagramLossChance: 1 };
  for (const from of cluster.names) for (const to of cluster.names) cluster.world.network.setLink({ from, to }, slow);
  const back = cluster.startNode("n3");
  let upCount = 0;
  for (let ms = 0; ms < 5_000; ms++) {
    await cluster.world.run(1);
    for (const name of ["n1", "n2"]) {
      const seen = seenAt(name, "n3");
      if (seen?.isUp !== true) continue;
      upCount++;
      expect(seen.attributes).toEqual({});
    }
  }
  expect(upCount).toBeGreaterThan(0);
  (await cluster.world.until(back)).setAttribute(attribute, "n3:8000");
  await cluster.world.run(1_000);
  expect(seenAt("n1", "n3")?.attributes).toEqual({ [attribute]: "n3:8000" });
});
