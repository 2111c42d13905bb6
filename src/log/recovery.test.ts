import { crc32 } from "node:zlib";
import { beforeEach, describe, expect, test } from "vitest";
import {
  batchesIn,
  directory,
  entries,
  entry,
  filler,
  hardState,
  identity,
  openLog,
  plain,
  readAll,
  SimulatedHost,
  write,
} from "../../test/log/fixture.ts";
import { silentLogger } from "../platform/index.ts";
import { checksumSeed, putUint53, viewOf } from "./format.ts";
import { Log, type LogRecovery } from "./log.ts";

const first = "000000000001.segment";
const second = "000000000002.segment";

let host: SimulatedHost;
beforeEach(() => {
  host = new SimulatedHost();
});

/** Without the marks of idle logs: a test says itself what is proven. */
const quiet = { idleMarkMs: 1_000_000 };

function open(options = {}): Promise<{ readonly log: Log; readonly recovery: LogRecovery }> {
  return openLog(host, { ...quiet, ...options });
}

async function batches(name: string, segment: number): Promise<ReturnType<typeof batchesIn>> {
  return batchesIn(await host.until(host.platform.disk.readFile(`${directory}/${name}`)), segment);
}

/** The place of the batch that was written as the `number`th of the run, from 0. */
async function batchAt(number: number, name = first, segment = 1): Promise<{ offset: number; bytes: number }> {
  const found = (await batches(name, segment))[number];
  if (found === undefined) throw new Error(`${name} has no batch ${number}`);
  return found;
}

function damaged(recovery: LogRecovery): readonly number[] {
  return recovery.groups.filter((group) => group.isDamaged).map((group) => group.group);
}

describe("the end of the log", () => {
  test("an unsynced tail that only the page cache holds is written again before anyone relies on it [D-4]", async () => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 3, 1) }));
    log.append(1, { entries: entries(4, 5, 1), hardState: hardState(2, 1), snapshot: undefined }, () => {
      throw new Error("it was never synced");
    });
    log.flush();
    // Time enough for the write, and not for the sync.
    const lift = host.machine.disk.inject({ operation: "sync", code: "EIO", count: Number.POSITIVE_INFINITY });
    await host.run(2);
    host.restart();
    lift();

    const again = await open();
    expect(again.recovery.rewrittenBytes).toBeGreaterThan(0);
    expect(again.recovery.groups).toMatchObject([{ group: 1, hardState: { term: 2, vote: 1 } }]);
    host.restart("everything");
    const last = await open();
    expect(plain(await host.until(readAll(last.log, 1)))).toEqual(plain(entries(1, 5, 1)));
    expect(last.log.group(1).hardState).toEqual(hardState(2, 1));
  });

  test("with two batches unsynced and only the second on disk both are cut, and nothing is damaged [D-2]", async () => {
    const { log } = await open();
    for (let index = 1; index <= 3; index++) await host.until(write(log, 1, { entries: entries(index, index, 1) }));
    host.restart();
    const [lost, kept] = [await batchAt(1), await batchAt(2)];
    await host.patch(first, (bytes) => {
      // As if the last batch had been written when only the first was synced, and the kernel wrote it first.
      const header = bytes.subarray(kept.offset, kept.offset + 64 + 48);
      putUint53(viewOf(header), 40, lost.offset);
      viewOf(header).setUint32(4, crc32(header.subarray(8), checksumSeed(identity, 1)), true);
      bytes.fill(0, lost.offset, lost.offset + lost.bytes);
    });
    const again = await open();
    expect(again.recovery).toMatchObject({ damage: [], mayMissGroups: false, tornBytes: 8_192 });
    expect(damaged(again.recovery)).toEqual([]);
    expect(plain(await host.until(readAll(again.log, 1)))).toEqual(plain(entries(1, 1, 1)));
    // What was cut stays cut, also when the log has grown beyond that place again.
    await host.until(write(again.log, 1, { entries: [entry(2, 5)] }));
    host.restart("nothing");
    const last = await open();
    expect(last.recovery.damage).toEqual([]);
    expect(plain(await host.until(readAll(last.log, 1)))).toEqual(plain([entry(1, 1), entry(2, 5)]));
  });

  test.for([0, 4_096, 100_000, 2_000_000])("%d bytes of garbage behind the end are cut", async (bytes) => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 2, 1) }));
    host.restart();
    const { offset } = await batchAt(0);
    await host.patch(first, (content) => {
      const garbage = filler(bytes, 99).subarray(0, content.length - offset - 4_096);
      content.set(garbage, offset + 4_096);
      // A claimed length is not believed.
      content.set(Buffer.from("CBAT\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", "latin1"), offset + 4_096);
    });
    const again = await open();
    expect(again.recovery.damage).toEqual([]);
    expect(again.log.group(1).lastIndex).toBe(2);
  });

  test("an old tail is never extended: every start begins a segment, and releases what the old one had left", async () => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 1, 1) }));
    await host.until(write(log, 1, { entries: entries(2, 2, 1) }));
    const unreleased = host.files().get(first) as number;
    host.restart();
    const second = await open();
    expect(second.log.diskEpoch).toBe(2);
    // Two headers of 4 KiB, and the one batch that the second one proves.
    expect(host.files().get(first)).toBe(3 * 4_096);
    expect(unreleased).toBeGreaterThan(1_000_000);
    expect(second.log.group(1).lastIndex).toBe(2);
  });

  test("a node that crashes at every start does not fill its directory", async () => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 2, 1) }));
    for (let start = 2; start < 12; start++) {
      host.restart(start % 2 === 0 ? "random" : undefined);
      const again = await open();
      expect(again.log.diskEpoch).toBe(start);
      expect(again.log.group(1).lastIndex).toBe(2);
      expect(host.files().size).toBeLessThanOrEqual(2);
    }
  });

  test("an idle log writes one mark more, and then rests", async () => {
    const { log } = await openLog(host, { idleMarkMs: 10 });
    await host.until(write(log, 1, { entries: entries(1, 2, 1) }));
    const bytes = log.sizeBytes;
    await host.run(5);
    expect(log.sizeBytes).toBe(bytes);
    await host.run(1_000);
    expect(log.sizeBytes).toBe(bytes + 4_096);
    host.restart();
    const { offset } = await batchAt(0);
    host.machine.disk.flipBit(`${directory}/${first}`, offset + 130);
    const again = await open();
    expect(damaged(again.recovery)).toEqual([1]);
  });
});

describe("a start", () => {
  test("cut short at any moment it leaves a log that starts [D-5]", async () => {
    const steps = 60;
    let isComplete = false;
    for (let step = 0; step < steps && !isComplete; step++) {
      host = new SimulatedHost({ seed: step });
      const { log } = await open({ segmentBytes: 16_384 });
      for (let index = 1; index <= 12; index++) await host.until(write(log, 1, { entries: entries(index, index, 1) }));
      host.restart();
      const { disk, clock } = host.platform;
      Log.open({ disk, clock, logger: silentLogger, directory, identity, segmentBytes: 16_384 }).then(
        () => {
          isComplete = true;
        },
        () => {},
      );
      await host.run(step * 0.1);
      host.restart("random");
      const again = await open();
      expect(again.recovery).toMatchObject({ damage: [], mayMissGroups: false });
      expect(plain(await host.until(readAll(again.log, 1)))).toEqual(plain(entries(1, 12, 1)));
    }
    expect(isComplete).toBe(true);
  });

  test("what earlier starts and preparations left over is removed", async () => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 2, 1) }));
    await host.until(log.close());
    const { disk } = host.platform;
    const left = ["000000000002.segment", "000000000002.preparing", "000000000009.opening", "000000000003.opening"];
    for (const name of left) await host.until((await host.until(disk.open(`${directory}/${name}`, "create"))).close());
    await host.until((await host.until(disk.open(`${directory}/notes.txt`, "create"))).close());
    const again = await open();
    expect(again.log.diskEpoch).toBe(10);
    expect(again.recovery).toMatchObject({ damage: [], mayMissGroups: false });
    expect([...host.files().keys()].sort()).toEqual([first, "000000000010.segment", "notes.txt"]);
  });

  test.for([
    { operation: "read", count: 1 },
    { operation: "read", count: 3 },
  ] as const)("a passing read error ($count times) is none", async ({ operation, count }) => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 2, 1) }));
    host.restart();
    host.machine.disk.inject({ operation, code: "EIO", count, skip: 1 });
    const again = await open();
    expect(again.recovery.damage).toEqual([]);
    expect(again.log.group(1).lastIndex).toBe(2);
  });

  test("where the end cannot be read it is refused, since it may hold what was acknowledged", async () => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 2, 1) }));
    host.restart();
    host.machine.disk.inject({ operation: "read", code: "EIO", count: Number.POSITIVE_INFINITY, skip: 1 });
    await expect(open()).rejects.toMatchObject({ code: "LOG_UNREADABLE" });
    host.machine.disk.clearFaults();
    expect((await open()).log.group(1).lastIndex).toBe(2);
  });

  test.for([
    { name: "another cluster", change: { clusterId: new Uint8Array(16) }, code: "LOG_FOREIGN" },
    { name: "another node", change: { nodeId: 4 }, code: "LOG_FOREIGN" },
  ])("the log of $name is refused whole [D-9]", async ({ change, code }) => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 2, 1) }));
    await host.until(log.close());
    const before = host.files();
    await expect(open({ identity: { ...identity, ...change } })).rejects.toMatchObject({ code });
    expect(host.files()).toEqual(before);
    expect((await open()).log.group(1).lastIndex).toBe(2);
  });

  test.for([
    { name: "format version", at: 8 },
    { name: "checksum kind", at: 10 },
  ])("a file of another $name is refused whole [D-9]", async ({ at }) => {
    const { log } = await open();
    await host.until(log.close());
    await host.patch(first, (bytes) => {
      for (const copy of [0, 4_096]) {
        const header = bytes.subarray(copy, copy + 64);
        header[at] = 2;
        viewOf(header).setUint32(60, crc32(header.subarray(0, 60)), true);
      }
    });
    await expect(open()).rejects.toMatchObject({ code: "LOG_FORMAT_UNSUPPORTED" });
  });

  test("a record of an unknown kind is refused, and never skipped", async () => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 2, 1) }));
    await host.until(log.close());
    const { offset } = await batchAt(0);
    await host.patch(first, (bytes) => {
      const header = bytes.subarray(offset, offset + 64 + 48);
      const view = viewOf(header);
      const seed = checksumSeed(identity, 1);
      const body = bytes.subarray(offset + 112, offset + 112 + view.getUint32(12, true));
      body[0] = 11;
      view.setUint32(16, crc32(body, seed), true);
      view.setUint32(4, crc32(header.subarray(8), seed), true);
    });
    await expect(open()).rejects.toMatchObject({ code: "LOG_FORMAT_UNSUPPORTED" });
  });

  test("a segment under another's name is refused", async () => {
    const { log } = await open();
    await host.until(log.close());
    await host.until(host.platform.disk.rename(`${directory}/${first}`, `${directory}/${second}`));
    await expect(open()).rejects.toMatchObject({ code: "LOG_FOREIGN" });
  });

  test("an older copy of the node's own files is noticed by the boot counter [D-10]", async () => {
    const { log } = await open({ bootCounter: 3 });
    await host.until(log.close());
    await expect(open({ bootCounter: 3 })).rejects.toMatchObject({ code: "LOG_NEWER_THAN_NODE", bootCounterInLog: 3 });
    expect((await open({ bootCounter: 4 })).log.diskEpoch).toBe(2);
  });
});

describe("damage below the mark", () => {
  /** Two groups, a batch each, one for both, one more for group 2, and a mark: all of it is proven. */
  /** @param bytes of each entry; 0: some */
  async function written(bytes = 0): Promise<void> {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 3, 1, bytes), hardState: hardState(1, 1) }));
    await host.until(write(log, 2, { entries: entries(1, 3, 1, bytes), hardState: hardState(1, 2) }));
    log.append(1, { entries: entries(4, 4, 1, bytes), hardState: undefined, snapshot: undefined }, () => {});
    await host.until(write(log, 2, { entries: entries(4, 4, 1, bytes) }));
    await host.until(write(log, 2, { entries: entries(5, 5, 1, bytes) }));
    await host.until(log.close());
  }

  test.for([
    { batch: 0, groups: [1] },
    { batch: 1, groups: [2] },
    { batch: 2, groups: [1, 2] },
    { batch: 3, groups: [2] },
  ])("in the body of batch $batch: exactly the groups that the header names [D-3]", async ({ batch, groups }) => {
    await written();
    const place = await batchAt(batch);
    host.machine.disk.flipBit(`${directory}/${first}`, place.offset + 64 + 48 * groups.length + 10, 3);
    const { log, recovery } = await open();
    expect(damaged(recovery)).toEqual(groups);
    expect(recovery.damage).toEqual([{ segment: 1, ...place, groups }]);
    expect(recovery.mayMissGroups).toBe(false);
    expect([1, 2].filter((group) => log.group(group).isDamaged)).toEqual(groups);
    expect(log.group(3).isDamaged).toBe(false);
    expect(() =>
      log.append(groups[0] as number, { entries: [], hardState: hardState(9, 1), snapshot: undefined }, () => {}),
    ).toThrow("damaged");
    for (const group of [1, 2].filter((id) => !groups.includes(id))) {
      expect(plain(await host.until(readAll(log, group)))).toEqual(plain(entries(1, group === 1 ? 4 : 5, 1)));
    }
  });

  test.for([
    // Group 1 has no record behind its batch 2 that shows whether one was lost; group 2's numbers have a gap, or not.
    { batch: 1, groups: [1, 2], mayMiss: true, lastKept: 4 },
    { batch: 3, groups: [1, 2], mayMiss: true, lastKept: 4 },
    { batch: 0, groups: [1], mayMiss: true, lastKept: 4 },
  ])("in the header of batch $batch: all groups for which nothing later vouches [D-3]", async ({ batch, groups }) => {
    await written();
    const { offset } = await batchAt(batch);
    host.machine.disk.flipBit(`${directory}/${first}`, offset + 30, 3);
    const { recovery } = await open();
    const vouchedFor = batch === 1 ? [1] : [];
    expect(damaged(recovery)).toEqual(groups.filter((group) => !vouchedFor.includes(group)));
    expect(recovery.damage).toEqual([{ segment: 1, offset, bytes: 4_096, groups: undefined }]);
    expect(recovery.mayMissGroups).toBe(true);
  });

  test("a group that is not listed counts as damaged while a lost header may have named it [D-3]", async () => {
    await written();
    const { offset } = await batchAt(1);
    host.machine.disk.flipBit(`${directory}/${first}`, offset + 30, 3);
    const { log } = await open();
    expect(log.group(77).isDamaged).toBe(true);
    await host.until(log.close());
    const again = await open();
    expect(again.recovery.mayMissGroups).toBe(true);
    expect(again.log.group(78).isDamaged).toBe(true);
  });

  test("damage is remembered, whatever the bytes say later [D-3]", async () => {
    await written();
    const { offset } = await batchAt(3);
    const path = `${directory}/${first}`;
    host.machine.disk.flipBit(path, offset + 130, 3);
    expect(damaged((await open()).recovery)).toEqual([2]);
    host.machine.disk.flipBit(path, offset + 130, 3);
    host.restart();
    expect(damaged((await open()).recovery)).toEqual([2]);
    host.restart();
    expect(damaged((await open()).recovery)).toEqual([2]);
  });

  test("a lost vote shows by the gap in the numbers of the group's batches [D-3]", async () => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 3, 1), hardState: hardState(1, 1) }));
    await host.until(write(log, 1, { hardState: hardState(7, 3) }));
    await host.until(write(log, 1, { entries: entries(4, 4, 1) }));
    await host.until(log.close());
    const { offset } = await batchAt(1);
    host.machine.disk.flipBit(`${directory}/${first}`, offset + 30, 3);
    expect(damaged((await open()).recovery)).toEqual([1]);
  });

  test("a batch that is torn itself still proves what stands before it [D-3]", async () => {
    const { log } = await open();
    for (let index = 1; index <= 3; index++) await host.until(write(log, 1, { entries: entries(index, index, 1) }));
    host.restart();
    for (const batch of [1, 2]) {
      const { offset } = await batchAt(batch);
      host.machine.disk.flipBit(`${directory}/${first}`, offset + 130, 3);
    }
    const { recovery } = await open();
    expect(damaged(recovery)).toEqual([1]);
    expect(recovery.tornBytes).toBe(4_096);
  });

  test("lost entries that a leader has rewritten since, and a vote that was cast anew, are no loss", async () => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 3, 1), hardState: hardState(1, 1) }));
    await host.until(write(log, 1, { entries: entries(4, 9, 1), hardState: hardState(2, 1) }));
    await host.until(write(log, 1, { entries: entries(4, 5, 3), hardState: hardState(3, 2) }));
    await host.until(log.close());
    const { offset } = await batchAt(1);
    host.machine.disk.flipBit(`${directory}/${first}`, offset + 300, 3);
    const again = await open();
    expect(again.recovery.damage).toHaveLength(1);
    expect(damaged(again.recovery)).toEqual([]);
    expect(plain(await host.until(readAll(again.log, 1)))).toEqual(plain([...entries(1, 3, 1), ...entries(4, 5, 3)]));
    expect(again.log.group(1).hardState).toEqual(hardState(3, 2));
  });

  test("a lost vote is restated by the next segment's header", async () => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 3, 1), hardState: hardState(1, 1) }));
    await host.until(write(log, 1, { hardState: hardState(7, 3) }));
    await host.until(log.close());
    await host.until((await open()).log.close());
    const { offset } = await batchAt(1);
    host.machine.disk.flipBit(`${directory}/${first}`, offset + 130, 3);
    const again = await open();
    expect(again.recovery.damage).toHaveLength(1);
    expect(again.recovery.groups).toMatchObject([{ group: 1, hardState: { term: 7, vote: 3 }, isDamaged: false }]);
  });

  test("a lost piece of a large entry is that group's damage alone [D-3]", async () => {
    const { log } = await open();
    const large = write(log, 1, { entries: entries(1, 1, 1, 2_500_000) });
    await host.until(Promise.all([large, write(log, 2, { entries: entries(1, 1, 1) })]));
    await host.until(log.close());
    const { offset } = await batchAt(2);
    host.machine.disk.flipBit(`${directory}/${first}`, offset + 5_000, 3);
    const again = await open();
    expect(damaged(again.recovery)).toEqual([1]);
    expect(plain(await host.until(readAll(again.log, 2)))).toEqual(plain(entries(1, 1, 1)));
  });

  test("a block that the disk does not give back is damage too", async () => {
    await written();
    const { offset } = await batchAt(0);
    await host.patch(first, (bytes) => bytes.fill(0, offset, offset + 4_096));
    const { recovery } = await open();
    expect(damaged(recovery)).toEqual([1]);
  });

  test("one bad header block of a segment costs nothing, two all groups for which nothing later vouches [D-3]", async () => {
    // So much that it is left where it stands.
    await written(1_000);
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(5, 5, 1) }));
    await host.until(log.close());
    for (const name of [first, second]) host.machine.disk.flipBit(`${directory}/${name}`, 20, 1);
    const once = await open();
    expect(once.recovery).toMatchObject({ damage: [], mayMissGroups: false });
    expect(damaged(once.recovery)).toEqual([]);
    host.restart();
    host.machine.disk.flipBit(`${directory}/${second}`, 4_096 + 90, 1);
    const twice = await open();
    // Group 1 has a batch behind the lost header, whose number says that none is missing.
    expect(damaged(twice.recovery)).toEqual([2]);
    expect(twice.log.group(1).lastIndex).toBe(5);
  });

  test("stored entries that rot while the node runs are found when they are read [D-8]", async () => {
    const { log } = await open({ cacheBytesPerGroupMax: 0 });
    await host.until(write(log, 1, { entries: entries(1, 3, 1) }));
    await host.until(write(log, 2, { entries: entries(1, 3, 1) }));
    const { offset } = await batchAt(0);
    host.machine.disk.flipBit(`${directory}/${first}`, offset + 64 + 48 + 25, 3);
    const found = new Promise<unknown>((resolve) => log.onDamage(resolve));
    expect(log.group(1).entries(1, 4, 1_000)).toBe("unavailable");
    expect(await host.until(found)).toMatchObject({ code: "LOG_DAMAGED", group: 1, offset });
    expect(log.group(1).isDamaged).toBe(true);
    expect(log.group(1).entries(1, 4, 1_000)).toBe("unavailable");
    expect(plain(await host.until(readAll(log, 2)))).toEqual(plain(entries(1, 3, 1)));
  });
});
