import { afterEach, describe, expect, test } from "vitest";
import { SimulatedCluster, type SimulatedClusterOptions } from "../../../test/cluster/simulated-cluster.ts";
import { CoterieError } from "../../platform/index.ts";

let open: SimulatedCluster[] = [];

afterEach(async () => {
  for (const cluster of open) await cluster.close();
  open = [];
});

/** Where each shard is led, as `name` knows it. */
function leaders(cluster: SimulatedCluster, name: string): readonly (number | undefined)[] {
  return cluster
    .node(name)
    .topology()
    .shards.map(({ leader }) => leader);
}

/** A cluster whose leaders are spread, and have come to rest. */
async function started(options: SimulatedClusterOptions = {}): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster({ ...options, node: { shards: 4, ...options.node } });
  open.push(cluster);
  await cluster.start();
  await cluster.untilAllLed();
  await cluster.world.run(30_000);
  return cluster;
}

/** What became of asking `via` that node `to` leads the shard. */
async function transfer(
  cluster: SimulatedCluster,
  via: string,
  { shard, to }: { readonly shard: number; readonly to: number },
): Promise<string> {
  const done = cluster.node(via).transferLeader(shard, to);
  const code = done.then(
    () => "done",
    (error: unknown) => (error instanceof CoterieError ? `${error.code} ${error.message}` : String(error)),
  );
  return cluster.world.until(code);
}

describe("leadership of a shard, asked for at any node", () => {
  test("goes to each node, and stays there against the leaders' balance", async () => {
    const cluster = await started({ seed: 3 });
    for (const via of cluster.names) {
      for (const to of [1, 2, 3]) {
        expect(await transfer(cluster, via, { shard: 2, to })).toBe("done");
        expect(leaders(cluster, via)[2]).toBe(to);
      }
    }
    // All on one: others may move instead, these do not.
    for (const shard of [0, 1, 2]) expect(await transfer(cluster, "n2", { shard, to: 1 })).toBe("done");
    await cluster.world.run(60_000);
    for (const name of cluster.names) expect(leaders(cluster, name)).toMatchObject([1, 1, 1, expect.any(Number)]);
  });

  test("loses no command that is under way", async () => {
    const cluster = await started({ seed: 7 });
    const client = cluster.client("n3");
    for (let round = 0; round < 6; round++) {
      for (let at = 0; at < 20; at++) client.send("INCR", `counter:${at}`);
      expect(await transfer(cluster, "n1", { shard: round % 4, to: 1 + (round % 3) })).toBe("done");
    }
    await cluster.until(() => client.isAnswered, "replies");
    expect(client.replies.filter((reply) => reply === ":6\r\n")).toHaveLength(20);
  });
});

describe("leadership of a shard is refused", () => {
  test("to a node without a replica, for the same reason wherever it is asked", async () => {
    const cluster = await started({ size: 4, node: { replicas: 3 } });
    const [{ replicas = [] } = {}] = cluster.node("n1").topology().shards;
    const other = [1, 2, 3, 4].find((id) => !replicas.includes(id)) ?? 0;
    const before = leaders(cluster, "n1")[0];
    for (const via of cluster.names) {
      const answer = await transfer(cluster, via, { shard: 0, to: other });
      expect(answer).toMatch(
        new RegExp(`^TRANSFER_REFUSED n${other} has no replica of shard 0 .* coterie shard move 0 --to n${other}\\.$`),
      );
    }
    expect(leaders(cluster, "n1")[0]).toBe(before);
  });

  test("to a node that does not answer, that lags, and that has only just come back", async () => {
    const cluster = await started();
    expect(await transfer(cluster, "n1", { shard: 0, to: 1 })).toBe("done");
    cluster.kill("n3");
    await cluster.world.run(20_000);
    await cluster.until(() => leaders(cluster, "n2").every((leader) => leader === 1 || leader === 2), "leaders");
    expect(await transfer(cluster, "n2", { shard: 0, to: 3 })).toMatch(
      /^TRANSFER_REFUSED n3 does not answer\. Start it/,
    );
    const client = cluster.client("n1");
    for (let at = 0; at < 60; at++) client.send("SET", `key:${at}`, "x".repeat(50_000));
    await cluster.until(() => client.isAnswered, "replies");
    await cluster.world.until(cluster.startNode("n3"));
    await cluster.until(() => cluster.node("n1").topology().nodes[2]?.isUp === true, "n3");
    const shard = leaders(cluster, "n1").indexOf(1);
    expect(await transfer(cluster, "n1", { shard, to: 3 })).toMatch(/^TRANSFER_REFUSED n3 has not caught up/);
    await cluster.untilEqual();
    expect(await transfer(cluster, "n1", { shard, to: 3 })).toBe("done");
  });

  test("while nobody leads it", async () => {
    const cluster = await started();
    for (const name of ["n2", "n3"]) cluster.kill(name);
    await cluster.until(() => leaders(cluster, "n1").every((leader) => leader === undefined), "no leaders", 60_000);
    expect(await transfer(cluster, "n1", { shard: 0, to: 1 })).toMatch(/^TRANSFER_REFUSED Nobody leads shard 0/);
  });

  test("and unfinished where the leader does not answer in time", async () => {
    const cluster = await started({ seed: 11 });
    expect(await transfer(cluster, "n2", { shard: 1, to: 1 })).toBe("done");
    cluster.isolate("n1");
    const answer = await transfer(cluster, "n2", { shard: 1, to: 3 });
    expect(answer).toMatch(
      /^TRANSFER_UNFINISHED Whether n3 leads shard 1 now was not heard within 5 seconds\. It is safe/,
    );
  });
});
