import { afterEach, expect, test, vi } from "vitest";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";
import { Replica } from "./replica/replica.ts";
import { nodeDefaults } from "./settings.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const shards = 8;
/** The directory has one as well. */
const groups = shards + 1;
const beats = 20;

test("groups that nobody asks anything take one turn a beat: that of the heartbeats' sender", async () => {
  const cluster = new SimulatedCluster({ node: { shards } });
  await cluster.start();
  await cluster.untilAllLed();
  await cluster.world.run(10_000);
  const turn = vi.spyOn(Replica.prototype, "turn");
  await cluster.world.run(beats * nodeDefaults.restHeartbeatTicks * nodeDefaults.tickMs);
  const { length } = turn.mock.calls;
  expect(length, "the leaders send heartbeats").toBeGreaterThan(beats * groups * 0.8);
  expect(length).toBeLessThan(beats * groups * 1.2);
  await cluster.close();
});
