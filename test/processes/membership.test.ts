/** A real cluster whose nodes come and go under load: three, five, four, three. */
import { afterEach, expect, test } from "vitest";
import { nodeExitCode } from "../../src/cluster/index.ts";
import { type DirectoryState, memberNodesOf, nodeOfName } from "../../src/directory/index.ts";
import { ask, cleanUp, run } from "../cli/processes.ts";
import { eventually, ProcessCluster, type ProcessNode } from "./cluster.ts";
import { HistoryLoad } from "./history-load.ts";
import { WriteLoad } from "./write-load.ts";

afterEach(cleanUp);

const stepMs = 120_000;

/** Until the directory, as `asked` knows it, is as `is` says. */
async function until(
  cluster: ProcessCluster,
  asked: ProcessNode | undefined,
  what: string,
  is: (state: DirectoryState) => boolean,
): Promise<void> {
  await eventually(what, async () => (is(await cluster.directory(asked)) ? true : undefined), stepMs);
}

/** Whether every shard is on three of these nodes, and nothing moves. */
function isSpreadOver(state: DirectoryState, names: readonly string[]): boolean {
  const ids = names.map((name) => nodeOfName(state, name)?.id ?? 0);
  const areAllUsed = ids.every((id) => state.shards.some(({ wish }) => wish.includes(id)));
  return (
    areAllUsed &&
    state.shards.every(({ report, wish }) => {
      const nodes = memberNodesOf(report);
      return nodes.length === 3 && String(nodes) === String(wish) && nodes.every((id) => ids.includes(id));
    })
  );
}

test("nodes join, die and leave while clients write: nothing that was acknowledged is lost [T-1, M-10, B-3]", async () => {
  const cluster = await ProcessCluster.start({ shards: 8 });
  const [n1, n2, n3] = cluster.nodes;
  const { ports } = cluster;
  const writes = new WriteLoad({ ports, clientCount: 10, replyTimeoutMs: 5_000, pauseMs: 5 });
  const history = new HistoryLoad({ ports, clientCount: 4, replyTimeoutMs: 5_000, pauseMs: 20 });
  writes.start();
  history.start();
  try {
    await writes.flows(5);
    const [, n5] = await Promise.all([cluster.join(), cluster.join()]);
    await until(cluster, n2, "shards on five nodes", (state) => isSpreadOver(state, ["n1", "n2", "n3", "n4", "n5"]));
    await writes.flows(5);
    history.turnOver();
    // One dies for good.
    expect(await ask(n2?.port ?? 0, [["COTERIE", "SETTINGS", "replaceAfterMs", "2000"]])).toEqual([expect.any(Number)]);
    await n5.kill();
    await writes.flows(5);
    await until(cluster, n2, "shards on four nodes", (state) => isSpreadOver(state, ["n1", "n2", "n3", "n4"]));
    expect(await run(["node", "remove", "n5", "--port", String(n3?.port)])).toMatchObject({ code: 0 });
    history.turnOver();
    // One is given back.
    expect(await run(["node", "decommission", "n1", "--port", String(n3?.port)])).toMatchObject({ code: 0 });
    await until(cluster, n2, "shards on three nodes", (state) => isSpreadOver(state, ["n2", "n3", "n4"]));
    await until(cluster, n2, "the removal of n1", (state) => nodeOfName(state, "n1") === undefined);
    expect((await n1?.ended)?.code).toBe(nodeExitCode.refused);
    await writes.flows(5);
  } finally {
    await Promise.all([writes.stop(), history.stop()]);
  }
  expect([...writes.nonsense, ...history.nonsense]).toEqual([]);
  const left = cluster.nodes.filter(({ isRunning }) => isRunning);
  expect(left.map(({ name }) => name)).toEqual(["n2", "n3", "n4"]);
  for (const { port } of left) expect(await writes.faults(port)).toEqual([]);
  expect(history.verdicts()).toEqual([]);
  expect(history.operationCount).toBeGreaterThan(100);
  const state = await cluster.directory(n2);
  const states = state.nodes.map(({ name, state: kind }) => `${name} ${kind}`);
  expect(states.sort()).toEqual(["n1 removed", "n2 active", "n3 active", "n4 active", "n5 removed"]);
}, 400_000);
