/** What Node programs use as clients of Redis Cluster, through all that happens to a cluster. */
import { afterEach, expect, test } from "vitest";
import { memberNodesOf, nodeOfName } from "../../src/directory/index.ts";
import { ErrorReply } from "../../src/resp/index.ts";
import { withLostWrite, withStaleRead } from "../chaos/planted.ts";
import { ask, cleanUp, run } from "../cli/processes.ts";
import { anyClusterPort, eventually, ProcessCluster, type ProcessNode } from "./cluster.ts";
import { type ClusterClient, ioredisClient, nodeRedisClient } from "./cluster-client.ts";
import { ClusterClientLoad } from "./cluster-client-load.ts";
import { RedirectCounter } from "./redirect-counter.ts";

const shards = 8;
/** How soon all clients are served again, on a busy machine. */
const servedAgainMs = 20_000;
/** How soon replicas move. */
const movedMs = 60_000;
const redirectsMax = 3;

let counter: RedirectCounter;

afterEach(async () => {
  counter.close();
  await cleanUp();
});

/** As they come, and with what is advised for them. */
async function clientsOf(cluster: ProcessCluster, refreshMs: number | undefined): Promise<readonly ClusterClient[]> {
  const ports = cluster.nodes.map(({ clusterPort }) => clusterPort);
  const options = { ports, map: counter.map };
  const nodeRedis = [await nodeRedisClient(options, refreshMs), await nodeRedisClient(options, refreshMs)];
  return [ioredisClient(options, true), ioredisClient(options, true), ioredisClient(options, false), ...nodeRedis];
}

/** The sum of the shards' terms: each leader change raises it, as each election without a result does. */
async function termSum(cluster: ProcessCluster, asked: ProcessNode): Promise<number> {
  const { nodes } = await cluster.status(asked);
  const terms = new Map<number, number>();
  for (const { group, term } of nodes.flatMap(({ status }) => status?.groups ?? []))
    if (group > 0) terms.set(group, Math.max(term, terms.get(group) ?? 0));
  return [...terms.values()].reduce((sum, term) => sum + term, 0);
}

class Place {
  readonly cluster: ProcessCluster;
  readonly load: ClusterClientLoad;

  constructor(cluster: ProcessCluster, load: ClusterClientLoad) {
    this.cluster = cluster;
    this.load = load;
  }

  /** Does it while clients work: then they are served again, were redirected seldom, and told nothing strange. */
  async through(what: string, change: () => Promise<void>): Promise<void> {
    const { cluster, load } = this;
    const asked = cluster.nodes[1] as ProcessNode;
    const [termsBefore, movedBefore] = [await termSum(cluster, asked), counter.movedCount];
    await change();
    await load.served(10, servedAgainMs);
    const changes = (await termSum(cluster, asked)) - termsBefore;
    const moved = counter.movedCount - movedBefore;
    const perChange = moved / load.clients.length / Math.max(changes, 1);
    expect([...load.nonsense], what).toEqual([]);
    expect(changes, what).toBeGreaterThan(0);
    expect(perChange, `${what}: ${moved} redirects, ${changes} leader changes`).toBeLessThan(redirectsMax);
    load.turnOver();
  }
}

async function started(refreshMs?: number): Promise<Place> {
  counter = new RedirectCounter();
  const cluster = await ProcessCluster.start({ shards, clusterPorts: true });
  for (const { clusterPort } of cluster.nodes) await counter.front(clusterPort);
  const load = new ClusterClientLoad(await clientsOf(cluster, refreshMs));
  load.start();
  await load.served(5, servedAgainMs);
  return new Place(cluster, load);
}

/** Once no client has anything under way. */
async function expectSound({ cluster, load }: Place): Promise<void> {
  await load.stop();
  expect([...counter.strangers]).toEqual([]);
  expect(load.verdict()).toBeUndefined();
  for (const plant of [withStaleRead, withLostWrite]) expect(load.verdict(plant(load.history))).toBeDefined();
  for (const digests of await cluster.digests()) expect(new Set(digests).size).toBe(1);
}

async function leadersOf(cluster: ProcessCluster, asked: ProcessNode): Promise<ReadonlyMap<number, string>> {
  const { nodes } = await cluster.status(asked);
  const own = nodes.find(({ name }) => name === asked.name)?.status?.groups ?? [];
  return new Map(own.flatMap(({ group, leader }) => (group > 0 && leader !== null ? [[group - 1, leader]] : [])));
}

/** Refused as long as that node lags behind. */
async function transfer(asked: ProcessNode, shard: number, to: string): Promise<void> {
  const words = ["COTERIE", "SHARD", "TRANSFER", String(shard), "TO", to];
  await eventually(words.join(" "), async () => {
    const [reply] = await ask(asked.port, [words]);
    return reply instanceof ErrorReply ? undefined : reply;
  });
}

test("ioredis' and node-redis' cluster clients follow leaders that are transferred, and shards that move to a node that joins and back [B-4]", async () => {
  const place = await started();
  const { cluster } = place;
  const n1 = cluster.nodes[0] as ProcessNode;
  await place.through("leaders are transferred", async () => {
    const other = (leader: string): string => cluster.nodes.find(({ name }) => name !== leader)?.name ?? "";
    const leaders = [...(await leadersOf(cluster, n1))];
    await Promise.all(leaders.map(([shard, leader]) => transfer(n1, shard, other(leader))));
  });
  await place.through("a node joins, and leads", async () => {
    const node = await cluster.join();
    await counter.front(node.clusterPort);
    const isThere = async (): Promise<readonly number[] | undefined> => {
      const state = await cluster.directory(n1);
      const id = nodeOfName(state, node.name)?.id ?? 0;
      const there = state.shards.flatMap(({ report }, shard) => (memberNodesOf(report).includes(id) ? [shard] : []));
      return there.length < 3 ? undefined : there;
    };
    const there = await eventually("shards that have come to it", isThere, movedMs);
    await Promise.all(there.map((shard) => transfer(n1, shard, node.name)));
  });
  await place.through("it is drained", async () => {
    expect(await run(["node", "drain", "n4", "--port", String(n1.port)])).toMatchObject({ code: 0 });
    const state = await cluster.directory(n1);
    const id = nodeOfName(state, "n4")?.id ?? 0;
    expect(state.shards.flatMap(({ report }) => memberNodesOf(report))).not.toContain(id);
  });
  await expectSound(place);
}, 180_000);

test("ioredis' and node-redis' cluster clients survive the death of a leader, and nodes that come back at other addresses [B-4]", async () => {
  const place = await started(500);
  const { cluster } = place;
  await place.through("a leader is killed", async () => {
    const leader = await cluster.leader();
    await leader.kill();
    await place.load.served(10, servedAgainMs);
    await leader.start();
  });
  await place.through("a rolling restart", async () => {
    for (const node of cluster.nodes) {
      // Who leads nothing is forgotten by node-redis, and with the last one goes all that it knows.
      await eventually(`another leader than ${node.name}`, async () => {
        const leaders = await leadersOf(cluster, cluster.nodes.find((other) => other !== node) ?? node);
        return [...leaders.values()].some((name) => name !== node.name) ? true : undefined;
      });
      await place.load.served(3, servedAgainMs);
      node.signal("SIGTERM");
      expect((await node.ended).code).toBe(0);
      node.clusterPort = await anyClusterPort();
      await counter.front(node.clusterPort);
      await node.start();
      await place.load.served(3, servedAgainMs);
    }
  });
  await expectSound(place);
}, 180_000);
