import { afterEach, expect, test } from "vitest";
import { ErrorReply, type Reply, SimpleString } from "../../src/resp/index.ts";
import { cleanUp } from "../cli/processes.ts";
import { eventually, ProcessCluster } from "./cluster.ts";
import { HistoryLoad } from "./history-load.ts";
import { RespClient } from "./resp-client.ts";
import { WriteLoad } from "./write-load.ts";

afterEach(cleanUp);

const readCount = 50;

/** Values among `replies`; errors must promise that nothing happened, or that nobody knows. */
function valuesOf(replies: readonly (Reply | undefined)[]): readonly string[] {
  const values: string[] = [];
  for (const reply of replies) {
    if (reply instanceof ErrorReply) expect(reply.text).toMatch(/^(TRYAGAIN|CLUSTERDOWN|UNCERTAIN) /);
    else if (reply !== undefined) values.push(String(reply));
  }
  return values;
}

/** Until it is acknowledged: an election may be under way. */
async function written(client: RespClient, key: string, value: string): Promise<void> {
  await eventually(`SET ${key}`, async () => {
    const reply = await client.request("SET", key, value);
    return reply instanceof SimpleString ? reply : undefined;
  });
}

/** Stops the leader, lets the others go on without it, wakes it, and reads through it at once. */
async function pauseLeader(cluster: ProcessCluster, writes: WriteLoad, round: number): Promise<void> {
  const leader = await cluster.leader();
  const others = cluster.others(leader);
  const sleeper = await RespClient.connect(leader.port);
  const outsider = await RespClient.connect(others[0]?.port ?? 0);
  await written(sleeper, "watched", `old ${round}`);
  // One read is under way while it stops, whatever stage it has reached by then.
  const underWay = sleeper.request("GET", "watched");
  leader.signal("SIGSTOP");
  expect(await cluster.leader(others)).not.toBe(leader);
  await written(outsider, "watched", `new ${round}`);
  // Those clients whose node sleeps wait for it: the other two thirds go on.
  await writes.flows(5, 30);
  // Some reads wait in its socket when it wakes, the others come the moment that it does.
  const waiting = sleeper.pipeline(Array.from({ length: readCount }, () => ["GET", "watched"]));
  leader.signal("SIGCONT");
  const fresh = sleeper.pipeline(Array.from({ length: readCount }, () => ["GET", "watched"]));
  const values = valuesOf(await Promise.all([...waiting, ...fresh]));
  expect(values.filter((value) => value !== `new ${round}`)).toEqual([]);
  expect([`old ${round}`, `new ${round}`]).toEqual(expect.arrayContaining([...valuesOf([await underWay])]));
  await writes.flows(5);
  expect(await sleeper.request("GET", "watched")).toBe(`new ${round}`);
  sleeper.close();
  outsider.close();
}

test("a leader that was stopped and wakes answers no stale read and acknowledges no write that is lost [R-6]", async () => {
  const cluster = await ProcessCluster.start();
  // Nobody gives up on the node that sleeps: what it acknowledges when it wakes counts.
  const writes = new WriteLoad({ ports: cluster.ports, clientCount: 50 });
  const history = new HistoryLoad({ ports: cluster.ports, clientCount: 6, replyTimeoutMs: 30_000 });
  writes.start();
  history.start();
  try {
    await writes.flows(10);
    for (let round = 1; round <= 3; round++) await pauseLeader(cluster, writes, round);
  } finally {
    for (const node of cluster.nodes) node.signal("SIGCONT");
    await Promise.all([writes.stop(), history.stop()]);
  }
  expect([...writes.nonsense, ...history.nonsense]).toEqual([]);
  for (const { port } of cluster.nodes) expect(await writes.faults(port)).toEqual([]);
  expect(history.verdicts()).toEqual([]);
  expect(new Set(await cluster.digests()).size).toBe(1);
}, 120_000);
