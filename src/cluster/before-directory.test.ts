/** Data directories that were written before a cluster had a directory of its own, group 0, and nodes could come and go. */
import { expect, test } from "vitest";
import { bulk, okReply } from "../../test/cluster/client.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";
import { Log } from "../log/index.ts";
import { type Platform, silentLogger } from "../platform/index.ts";
import type { Entry } from "../raft/index.ts";
import { hashSlotOfText, SlotRanges } from "../ring/index.ts";
import { directoryGroup, groupOfShard } from "./replica/shard-group.ts";

const shards = 2;
const keys = Array.from({ length: 20 }, (_, at) => `key${at}`);
const recordPath = "/data/node.json";
/** What `node.json` had before. */
const oldFields = ["format", "clusterId", "name", "names", "shardCount", "directoryId", "bootCounter", "addresses"];

async function written(
  client: ReturnType<SimulatedCluster["client"]>,
  cluster: SimulatedCluster,
  value: string,
): Promise<void> {
  for (const key of keys) client.send("SET", key, value);
  await cluster.until(() => client.isAnswered, "replies");
  expect(new Set(client.replies)).toEqual(new Set([okReply]));
}

async function textOf({ disk }: Platform, path: string): Promise<string> {
  return Buffer.from(await disk.readFile(path)).toString("utf8");
}

async function replace({ disk }: Platform, path: string, text: string): Promise<void> {
  await disk.remove(path);
  const file = await disk.open(path, "create");
  await new Promise<void>((resolve, reject) => {
    file.writeAndSync(Buffer.from(text), 0, (error) => (error === undefined ? resolve() : reject(error)));
  });
  await file.close();
}

/** All that a group has in the log. */
async function entriesOf(log: Log, group: number): Promise<readonly Entry[]> {
  const stored = log.group(group);
  const all: Entry[] = [];
  for (let next = stored.firstIndex; next <= stored.lastIndex; ) {
    const found = stored.entries(next, stored.lastIndex + 1, Number.POSITIVE_INFINITY);
    if (found === "unavailable") {
      await new Promise<void>((resolve) => stored.onAvailable(resolve));
    } else {
      all.push(...found);
      next += found.length;
    }
  }
  return all;
}

/** Makes of a stopped node's directory one that knows of nothing but shards. The groups that its log has then. */
async function makeOld(platform: Platform): Promise<readonly number[]> {
  const { disk, clock } = platform;
  const record: Record<string, unknown> = JSON.parse(await textOf(platform, recordPath));
  const names = record.names as readonly string[];
  const nodeId = names.indexOf(record.name as string) + 1;
  const identity = { clusterId: Buffer.from(record.clusterId as string, "hex"), nodeId };
  const logOptions = { disk, clock, logger: silentLogger, identity, segmentBytes: 1_048_576 };
  const { log: from, recovery } = await Log.open({ ...logOptions, directory: "/data/log" });
  expect(recovery.groups.map(({ group }) => group)).toContain(directoryGroup);
  await disk.makeDirectory("/data/old");
  const { log: to } = await Log.open({ ...logOptions, directory: "/data/old" });
  for (let shard = 0; shard < shards; shard++) {
    const group = groupOfShard(shard);
    const { hardState } = from.group(group);
    const entries = await entriesOf(from, group);
    await new Promise<void>((resolve) => {
      to.append(group, { entries, hardState, snapshot: undefined }, resolve);
      to.flush();
    });
  }
  await from.close();
  await to.close();
  await disk.removeTree("/data/log");
  await disk.rename("/data/old", "/data/log");
  const old = Object.fromEntries(oldFields.map((field) => [field, record[field]]));
  await replace(platform, recordPath, JSON.stringify({ ...old, diskEpoch: 0, peers: {}, replicas: {} }));
  const reopened = await Log.open({ ...logOptions, directory: "/data/log" });
  await reopened.log.close();
  return reopened.recovery.groups.map(({ group }) => group);
}

test("directories from before the cluster had one of its own open and serve, and nodes come and go from then on", async () => {
  const cluster = new SimulatedCluster({ node: { shards } });
  await cluster.start();
  await cluster.untilAllLed();
  await written(cluster.client("n1"), cluster, "old");
  await cluster.untilEqual();
  await cluster.close();
  for (const name of cluster.names) {
    const platform = cluster.world.machine(name).start();
    expect(await cluster.world.until(makeOld(platform))).toEqual([1, 2]);
    cluster.kill(name);
  }
  cluster.nodes.clear();
  await cluster.start();
  await cluster.untilAllLed();
  const client = cluster.client("n2");
  const slots = new SlotRanges(shards);
  expect(new Set(keys.map((key) => slots.shardOf(hashSlotOfText(key)))).size).toBe(shards);
  for (const key of keys) client.send("GET", key);
  await cluster.until(() => client.isAnswered, "replies");
  expect(new Set(client.replies)).toEqual(new Set([bulk("old")]));
  await written(cluster.client("n3"), cluster, "new");
  // The directory begins as if it had always been so, and takes changes.
  const { settings, nodes } = cluster.node("n1").directoryState;
  expect([settings.replicas, nodes.map(({ state }) => state)]).toEqual([3, ["active", "active", "active"]]);
  await cluster.world.until(cluster.join("n4", "n1"));
  const isTaken = (): boolean => cluster.node("n4").directoryState.nodes[3]?.state === "active";
  await cluster.until(isTaken, "the new node");
  await cluster.world.until(cluster.node("n4").changeDirectory({ kind: "decommission", node: 1, isForced: false }));
  const isGone = (): boolean => cluster.node("n4").directoryState.nodes[0]?.state === "removed";
  await cluster.until(isGone, "n1's removal", 60_000);
  await cluster.until(() => !cluster.nodes.has("n1"), "n1's end");
  expect(cluster.node("n4").directoryState.shards.map(({ wish }) => wish)).toEqual([
    [2, 3, 4],
    [2, 3, 4],
  ]);
  const last = cluster.client("n4");
  for (const key of keys) last.send("GET", key);
  await cluster.until(() => last.isAnswered, "replies");
  expect(new Set(last.replies)).toEqual(new Set([bulk("new")]));
  await cluster.close();
});
