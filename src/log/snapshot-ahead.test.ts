/** Snapshots of what a node has applied before its own disk has it: a majority of the others had. */
import { expect, test } from "vitest";
import { crashAtEachCall } from "../../test/log/crash-at-each-call.ts";
import {
  directory,
  entries,
  filler,
  hardState,
  meta,
  openLog,
  SimulatedHost,
  write,
  writeSnapshot,
} from "../../test/log/fixture.ts";
import type { Log } from "./log.ts";

/** The entries fill several batches: what is named behind them could pass them. */
const settings = { segmentBytes: 4_194_304, freeBytesMin: 0 };
const stream = filler(20_000, 5);

/** Appends entries 4 to 8, and waits for nothing but the snapshot of all of them. */
async function snapshotAhead(log: Log): Promise<void> {
  log.append(1, { entries: entries(4, 8, 1, 400_000), hardState: hardState(1, 1, 8), snapshot: undefined }, () => {});
  await writeSnapshot(log.createSnapshot(1, meta(8, 1)), stream);
}

test("what was applied ahead of the own disk is not durable in a snapshot before the log has it [O-6]", async () => {
  const outcomes = new Set<string>();
  await crashAtEachCall({
    settings,
    prepare: (log) => write(log, 1, { entries: entries(1, 3, 1, 2_000), hardState: hardState(1, 1, 3) }),
    change: snapshotAhead,
    check: (log, isDone) => {
      const { firstIndex, lastIndex, snapshot, isDamaged } = log.group(1);
      const outcome = `${firstIndex} to ${lastIndex}, snapshot ${snapshot?.index ?? "none"}`;
      outcomes.add(outcome);
      if (isDone) expect(outcome).toBe("1 to 8, snapshot 8");
      expect(isDamaged).toBe(false);
    },
  });
  expect([...outcomes].sort()).toEqual(["1 to 3, snapshot none", "1 to 8, snapshot 8", "1 to 8, snapshot none"]);
});

test("as long as the log cannot be written, a snapshot of what waits there does not come to its end [O-6]", async () => {
  const host = new SimulatedHost();
  const { log } = await openLog(host, settings);
  await host.until(write(log, 1, { entries: entries(1, 3, 1, 2_000), hardState: hardState(1, 1, 3) }));
  // What waits for space is tried again for ever.
  const matches = (path: string): boolean => path.startsWith(directory) && path.endsWith(".segment");
  const lift = host.machine.disk.inject({
    operation: "write",
    code: "ENOSPC",
    count: Number.POSITIVE_INFINITY,
    matches,
  });
  let isDone = false;
  const made = snapshotAhead(log).then(() => {
    isDone = true;
  });
  await host.run(5_000);
  expect({ isDone, snapshot: log.group(1).snapshot }).toEqual({ isDone: false, snapshot: undefined });
  lift();
  await host.until(made);
  expect(log.group(1).snapshot).toMatchObject({ index: 8 });
});
