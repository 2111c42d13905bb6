import { afterEach, expect, test } from "vitest";
import { ask, cleanUp } from "../cli/processes.ts";
import { ProcessCluster, type ProcessNode } from "./cluster.ts";
import { HistoryLoad } from "./history-load.ts";
import { WriteLoad } from "./write-load.ts";

afterEach(cleanUp);

/** Kills under load from 50 writing clients and some whose history is checked, and looks at everything afterwards. */
async function killed(choose: (cluster: ProcessCluster) => Promise<readonly ProcessNode[]>): Promise<void> {
  const cluster = await ProcessCluster.start();
  const writes = new WriteLoad({ ports: cluster.ports, clientCount: 50, replyTimeoutMs: 5_000 });
  const history = new HistoryLoad({ ports: cluster.ports, clientCount: 6, replyTimeoutMs: 5_000 });
  writes.start();
  history.start();
  try {
    await writes.flows(20);
    const victims = await choose(cluster);
    await Promise.all(victims.map((node) => node.kill()));
    const survivors = cluster.nodes.filter((node) => !victims.includes(node));
    if (survivors.length > 0) {
      await writes.flows(5);
      for (const { port } of survivors) expect(await writes.faults(port)).toEqual([]);
    }
    await Promise.all(victims.map((node) => node.start()));
    await writes.flows(5);
  } finally {
    await Promise.all([writes.stop(), history.stop()]);
  }
  expect([...writes.nonsense, ...history.nonsense]).toEqual([]);
  for (const { port } of cluster.nodes) expect(await writes.faults(port)).toEqual([]);
  expect(history.verdicts()).toEqual([]);
  for (const digests of await cluster.digests()) expect(new Set(digests).size).toBe(1);
  // The look at all writes is not blind.
  const [lost = ""] = writes.acknowledged;
  await ask(cluster.ports[0] ?? 0, [["DEL", lost]]);
  expect(await writes.faults(cluster.ports[1] ?? 0)).toEqual([`${lost} was acknowledged and is null`]);
}

test("no acknowledged write is missing after kill -9 of the leader under load, and it comes back [T-1]", async () => {
  await killed(async (cluster) => [await cluster.leader()]);
}, 120_000);

test("no acknowledged write is missing after kill -9 of a follower under load, and it comes back [T-1]", async () => {
  await killed(async (cluster) => cluster.others(await cluster.leader()).slice(0, 1));
}, 120_000);

test("no acknowledged write is missing after kill -9 of all nodes at once under load [T-1]", async () => {
  await killed(async (cluster) => cluster.nodes);
}, 120_000);
