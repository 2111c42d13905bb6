import { beforeEach, describe, expect, test } from "vitest";
import {
  configuration,
  directory,
  entries,
  filler,
  hardState,
  identity,
  install,
  meta,
  openLog,
  plain,
  readAll,
  readSnapshot,
  SimulatedHost,
  write,
  writeSnapshot,
} from "../../test/log/fixture.ts";
import type { Log, LogRecovery } from "./log.ts";

const atTen = "000000000001-000000000010.snapshot";
const atTwenty = "000000000001-000000000020.snapshot";

let host: SimulatedHost;
beforeEach(() => {
  host = new SimulatedHost();
});

function open(options = {}): Promise<{ readonly log: Log; readonly recovery: LogRecovery }> {
  return openLog(host, { idleMarkMs: 1_000_000, ...options });
}

function snapshotFiles(): readonly string[] {
  return [...host.files().keys()].filter((name) => !name.endsWith(".segment") && !name.endsWith(".preparing"));
}

/** A log of 30 entries with a snapshot at 20, cut behind 15, and another batch as proof. */
async function written(): Promise<Log> {
  const { log } = await open();
  await host.until(write(log, 1, { entries: entries(1, 20, 1), hardState: hardState(1, 3, 5) }));
  await host.until(writeSnapshot(log.createSnapshot(1, meta(10, 1)), filler(100_000, 10)));
  await host.until(write(log, 1, { entries: entries(21, 30, 2), hardState: hardState(2, 1, 5) }));
  await host.until(writeSnapshot(log.createSnapshot(1, meta(20, 1)), filler(200_000, 20)));
  log.compact(1, 15);
  await host.until(write(log, 2, { entries: entries(1, 3, 1) }));
  await host.run(1_000);
  return log;
}

describe("a start", () => {
  test("gives the snapshot, its configuration, and the log behind it [M-8, O-7]", async () => {
    await written();
    expect(snapshotFiles()).toEqual([atTwenty]);
    host.restart("everything");
    const { log, recovery } = await open();
    expect(recovery.groups).toMatchObject([
      // What a snapshot holds is committed, whatever the last hard state says.
      { group: 1, isDamaged: false, hardState: hardState(2, 1, 20), snapshot: { index: 20, term: 1, configuration } },
      { group: 2, isDamaged: false, snapshot: undefined },
    ]);
    expect(Buffer.compare(await host.until(readSnapshot(log.openSnapshot(1))), filler(200_000, 20))).toBe(0);
    const group = log.group(1);
    expect(group.firstIndex).toBeLessThanOrEqual(21);
    expect(plain((await host.until(readAll(log, 1))).slice(-10))).toEqual(plain(entries(21, 30, 2)));
    expect(snapshotFiles()).toEqual([atTwenty]);
    log.compact(1, 20);
    expect(plain(await host.until(readAll(log, 1)))).toEqual(plain(entries(21, 30, 2)));
  });

  test("goes on behind an installed snapshot, whatever stood in the log before [O-3, I-17]", async () => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 20, 1), hardState: hardState(1, 3, 5) }));
    await host.until(install(log, 1, meta(100, 4), { entries: entries(101, 103, 5), hardState: hardState(6, 2, 100) }));
    await host.until(install(log, 2, meta(7, 1), { hardState: hardState(1, 1, 7) }));
    await host.until(write(log, 1, { entries: entries(104, 104, 6) }));
    for (let start = 0; start < 3; start++) {
      host.restart("everything");
      const again = await open();
      const group = again.log.group(1);
      expect([group.firstIndex, group.lastIndex, group.term(100), group.term(103)]).toEqual([101, 104, 4, 5]);
      expect(group.hardState).toEqual(hardState(6, 2, 100));
      const all = [...entries(101, 103, 5), ...entries(104, 104, 6)];
      expect(plain(await host.until(readAll(again.log, 1)))).toEqual(plain(all));
      expect([again.log.group(2).firstIndex, again.log.group(2).lastIndex, again.log.group(2).term(7)]).toEqual([
        8, 7, 1,
      ]);
    }
  });

  test("drops what is not complete, not named by the log, or replaced [N-2]", async () => {
    const log = await written();
    const made = log.createSnapshot(1, meta(25, 2));
    await host.until(made.write(filler(600_000, 1)));
    await host.until(writeSnapshot(log.receiveSnapshot(2, meta(50, 2)), filler(10, 1)));
    expect(snapshotFiles()).toHaveLength(3);
    host.restart("nothing");
    const again = await open();
    expect(snapshotFiles()).toEqual([atTwenty]);
    expect(again.log.group(2).snapshot).toBeUndefined();
  });

  test("finds a log that was written before there were snapshots as it was", async () => {
    const { log } = await open({ segmentBytes: 16_384 });
    for (let index = 1; index <= 12; index++) {
      await host.until(write(log, 1, { entries: entries(index, index, 1), hardState: hardState(1, 1, index - 1) }));
    }
    await host.until(log.close());
    const again = await open({ segmentBytes: 16_384 });
    expect(again.recovery).toMatchObject({
      damage: [],
      mayMissGroups: false,
      groups: [{ group: 1, isDamaged: false }],
    });
    expect(again.log.group(1).firstIndex).toBe(1);
    expect(plain(await host.until(readAll(again.log, 1)))).toEqual(plain(entries(1, 12, 1)));
  });
});

describe("a snapshot that is lost or damaged", () => {
  test.for([
    { name: "lost", harm: async () => host.machine.disk.loseFile(`${directory}/${atTwenty}`) },
    { name: "damaged in its header", harm: async () => host.machine.disk.flipBit(`${directory}/${atTwenty}`, 70, 1) },
    {
      name: "cut short",
      harm: async () => {
        const file = await host.until(host.platform.disk.open(`${directory}/${atTwenty}`, "write"));
        await host.until(file.truncate(100_000));
        await host.until(file.close());
      },
    },
    {
      name: "another node's",
      harm: async () => {
        await host.patch(atTwenty, (bytes) => {
          bytes[32] = identity.nodeId + 1;
        });
      },
    },
  ])("($name): a group that goes on behind it is damaged, and stays so [D-3]", async ({ harm }) => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 15, 1) }));
    await host.until(install(log, 1, meta(20, 1), { entries: entries(21, 22, 2) }));
    await host.until(write(log, 2, { entries: entries(1, 3, 1) }));
    await host.until(log.close());
    await harm();
    for (let start = 0; start < 2; start++) {
      const again = await open();
      expect(again.recovery.groups).toMatchObject([
        { group: 1, isDamaged: true, snapshot: undefined },
        { group: 2, isDamaged: false },
      ]);
      expect(() => again.log.createSnapshot(1, meta(22, 2))).toThrow("damaged");
      await host.until(again.log.close());
    }
  });

  test("costs nothing while the log still reaches back to the beginning", async () => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 20, 1) }));
    await host.until(writeSnapshot(log.createSnapshot(1, meta(20, 1)), filler(100, 10)));
    await host.until(log.close());
    host.machine.disk.loseFile(`${directory}/${atTwenty}`);
    const again = await open();
    expect(again.recovery.groups).toMatchObject([{ group: 1, isDamaged: false, snapshot: undefined }]);
    expect(plain(await host.until(readAll(again.log, 1)))).toEqual(plain(entries(1, 20, 1)));
    // The next one takes its place.
    await host.until(write(again.log, 1, { entries: entries(21, 21, 1) }));
    await host.until(writeSnapshot(again.log.createSnapshot(1, meta(21, 1)), filler(100, 11)));
    await host.until(again.log.close());
    expect((await open()).recovery.groups).toMatchObject([{ isDamaged: false, snapshot: { index: 21 } }]);
  });

  test("is made up for by an older one that the log still reaches back to", async () => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 30, 1) }));
    await host.until(writeSnapshot(log.createSnapshot(1, meta(10, 1)), filler(100, 10)));
    const copy = await host.until(host.platform.disk.readFile(`${directory}/${atTen}`));
    log.compact(1, 5);
    await host.until(writeSnapshot(log.createSnapshot(1, meta(20, 1)), filler(100, 20)));
    await host.until(log.close());
    // As if the node had ended before the older one was removed.
    const file = await host.until(host.platform.disk.open(`${directory}/${atTen}`, "create"));
    await host.until(new Promise<void>((resolve) => file.writeAndSync(copy, 0, () => resolve())));
    await host.until(file.close());
    host.machine.disk.loseFile(`${directory}/${atTwenty}`);
    const again = await open();
    expect(again.recovery.groups).toMatchObject([{ isDamaged: false, snapshot: { index: 10 } }]);
    expect(plain((await host.until(readAll(again.log, 1))).slice(-20))).toEqual(plain(entries(11, 30, 1)));
  });

  test("a flipped bit in a block shows when it is read, and only there [D-8]", async () => {
    const log = await written();
    await host.until(log.close());
    host.machine.disk.flipBit(`${directory}/${atTwenty}`, 4_096 + 65_536 + 100, 2);
    const again = await open();
    const reader = again.log.openSnapshot(1);
    if (reader === undefined) throw new Error("there is no snapshot");
    const first = await host.until(reader.read(0, 65_520));
    expect(Buffer.compare(first, filler(200_000, 20).subarray(0, 65_520))).toBe(0);
    await expect(host.until(reader.read(65_000, 1_000))).rejects.toMatchObject({
      code: "SNAPSHOT_DAMAGED",
      group: 1,
      path: `${directory}/${atTwenty}`,
      offset: 4_096 + 65_536,
    });
    await host.until(reader.close());
    // The log is whole, and a running replica makes another.
    expect(again.log.group(1).isDamaged).toBe(false);
    await host.until(writeSnapshot(again.log.createSnapshot(1, meta(25, 2)), filler(1_000, 1)));
    expect(Buffer.compare(await host.until(readSnapshot(again.log.openSnapshot(1))), filler(1_000, 1))).toBe(0);
  });

  test("snapshots without a log are refused: its votes are lost [D-10]", async () => {
    await written();
    host.restart("nothing");
    for (const name of [...host.files().keys()].filter((one) => !one.endsWith(".snapshot"))) {
      host.machine.disk.loseFile(`${directory}/${name}`);
    }
    await expect(open()).rejects.toMatchObject({ code: "LOG_LOST" });
  });
});
