import { expect, test } from "vitest";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";
import type { Clock, Platform } from "../platform/index.ts";
import { hashSlotOfText, SlotRanges } from "../ring/index.ts";

const shards = 2;
const ranges = new SlotRanges(shards);
/** Of each shard one. */
const keys = Array.from({ length: shards }, (_, shard) => {
  const names = Array.from({ length: 100 }, (_, at) => `key:${at}`);
  return names.find((name) => ranges.shardOf(hashSlotOfText(name)) === shard) as string;
});
const entryCount = 120;
/** An entry takes so much of a slice, which is of 1 ms; what comes in a turn, such as the end of a write, has one of its own. */
const entryMs = 0.3;
const slicedEntriesMax = 10;

/** Whoever looks at it finds that his work took time. `onTurn` is called behind each turn. */
function workedClock(clock: Clock, onTurn: () => void): Clock {
  let workedMs = 0;
  return {
    nowMs: () => {
      workedMs += entryMs;
      return clock.nowMs() + workedMs;
    },
    wallMs: () => clock.wallMs(),
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
    atEndOfTurn: (callback) =>
      clock.atEndOfTurn(() => {
        callback();
        onTurn();
      }),
  };
}

test("a group with much to apply takes its slice of a turn, and the others have theirs in the same one [H-4]", async () => {
  const cluster = new SimulatedCluster({ size: 1, node: { shards } });
  await cluster.start();
  await cluster.untilAllLed();
  const client = cluster.client("n1");
  for (let count = 0; count < entryCount; count++) {
    for (const key of keys) client.send("INCR", key);
    await cluster.until(() => client.isAnswered, "replies");
  }
  cluster.kill("n1");
  const applied: number[][] = [];
  const onTurn = (): void => {
    const node = cluster.nodes.get("n1");
    if (node === undefined) return;
    applied.push(keys.map((_, shard) => node.keyspaceOf(shard).header().appliedIndex));
  };
  const starting = cluster.startNode("n1", {
    get platform(): Platform {
      const platform = cluster.platforms.get("n1") as Platform;
      return { ...platform, clock: workedClock(platform.clock, onTurn) };
    },
  });
  await cluster.world.until(starting);
  await cluster.untilAllLed();
  const again = cluster.client("n1");
  const tickets = keys.map((key) => again.send("INCR", key));
  await cluster.until(() => again.isAnswered, "replies");
  expect(tickets.map((ticket) => again.replies[ticket])).toEqual(keys.map(() => `:${entryCount + 1}\r\n`));
  const steps = applied.slice(1).map((row, at) => row.map((index, shard) => index - (applied[at]?.[shard] as number)));
  expect(Math.max(...steps.flat())).toBeLessThanOrEqual(slicedEntriesMax);
  // While both have some left neither waits until the other one is done.
  const both = applied.filter((row) => row.every((index) => index > 5 && index < entryCount - 5));
  expect(both.length).toBeGreaterThanOrEqual(entryCount / slicedEntriesMax);
  await cluster.close();
});
