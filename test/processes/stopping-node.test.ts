/** What clients of Redis Cluster are told by a node that stops. */
import { afterEach, expect, test } from "vitest";
import type { Reply } from "../../src/resp/index.ts";
import { cleanUp } from "../cli/processes.ts";
import { RawClient } from "../server/raw-client.ts";
import { eventually, ProcessCluster, type ProcessNode } from "./cluster.ts";

const shards = 8;

afterEach(cleanUp);

/** The cluster port of the node to ask, shard by shard; undefined once there is no answer. */
async function headsAt(client: RawClient): Promise<readonly unknown[] | undefined> {
  const table: Reply | undefined = await client.run("CLUSTER", "SLOTS");
  if (!Array.isArray(table)) return undefined;
  return table.map((row) => (Array.isArray(row) && Array.isArray(row[2]) ? row[2][1] : undefined));
}

test("a node that stops names the others to the end, each at its address [B-4]", async () => {
  const cluster = await ProcessCluster.start({ shards, clusterPorts: true });
  const [stopped, ...others] = cluster.nodes as [ProcessNode, ...ProcessNode[]];
  const client = await RawClient.connect(stopped.clusterPort);
  const leads = async (): Promise<true | undefined> =>
    (await headsAt(client))?.includes(stopped.clusterPort) ? true : undefined;
  await eventually("a shard that it leads", leads);
  stopped.signal("SIGTERM");
  let last: readonly unknown[] = [];
  for (let heads = await headsAt(client); heads !== undefined; heads = await headsAt(client)) last = heads;
  client.close();
  expect((await stopped.ended).code).toBe(0);
  expect(last).toHaveLength(shards);
  for (const port of last) expect(others.map(({ clusterPort }) => clusterPort)).toContain(port);
});
