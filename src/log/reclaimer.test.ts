import { beforeEach, describe, expect, test } from "vitest";
import {
  batchesIn,
  configurationEntry,
  directory,
  entries,
  entry,
  filler,
  hardState,
  install,
  meta,
  openLog,
  plain,
  readAll,
  SimulatedHost,
  write,
  writeSnapshot,
} from "../../test/log/fixture.ts";
import type { Logger } from "../platform/index.ts";
import type { NormalEntry } from "../raft/index.ts";
import type { Log, LogRecovery } from "./log.ts";

const segmentBytes = 65_536;

let host: SimulatedHost;
let events: string[];
beforeEach(() => {
  host = new SimulatedHost();
  events = [];
});

const logger: Logger = { log: (_level, event) => void events.push(event) };

function open(options = {}): Promise<{ readonly log: Log; readonly recovery: LogRecovery }> {
  return openLog(host, {
    segmentBytes,
    freeBytesMin: 0,
    idleMarkMs: 1_000_000,
    reclaimBytes: 2 ** 30,
    logger,
    ...options,
  });
}

function directoryBytes(): number {
  return [...host.files().values()].reduce((sum, bytes) => sum + bytes, 0);
}

function segments(): readonly number[] {
  return [...host.files().keys()].filter((name) => name.endsWith(".segment")).map((name) => Number(name.slice(0, 12)));
}

/** Group 1 is overwritten again and again, and makes a snapshot each time. */
class Busy {
  last = 0;
  readonly data = new Map<number, Uint8Array>();

  async cycle(log: Log, options: { readonly entryCount?: number; readonly entryBytes?: number } = {}): Promise<void> {
    const { entryCount = 16, entryBytes = 6_000 } = options;
    for (let count = 0; count < entryCount; count++) {
      this.last++;
      const data = filler(entryBytes, this.last);
      this.data.set(this.last, data);
      await host.until(write(log, 1, { entries: [entry(this.last, 1, data)] }));
    }
    await host.until(writeSnapshot(log.createSnapshot(1, meta(this.last, 1)), filler(5_000, this.last)));
    // A tail for slow followers.
    log.compact(1, this.last - 3);
    await host.run(20);
  }

  async check(log: Log): Promise<void> {
    const found = await host.until(readAll(log, 1));
    expect(found.map((one) => one.index)).toEqual(found.map((_, place) => log.group(1).firstIndex + place));
    for (const { index, data } of found as readonly NormalEntry[]) expect(data).toEqual(this.data.get(index));
    expect(log.group(1).lastIndex).toBe(this.last);
    expect(log.group(1).snapshot?.index).toBe(this.last);
    expect(log.group(1).isDamaged).toBe(false);
  }
}

describe("what is not needed any more is given up", () => {
  test("a directory under constant overwriting stays as small as it is, for ever [N-6, N-2]", async () => {
    const { log } = await open();
    const busy = new Busy();
    const sizes: number[] = [];
    for (let cycle = 0; cycle < 40; cycle++) {
      await busy.cycle(log);
      sizes.push(directoryBytes());
      expect(log.sizeBytes).toBeLessThan(6 * segmentBytes);
      expect(Math.abs(log.sizeBytes - directoryBytes())).toBeLessThan(3 * segmentBytes);
    }
    expect(Math.max(...sizes.slice(20))).toBeLessThanOrEqual(Math.max(...sizes.slice(0, 20)));
    expect(Math.max(...sizes)).toBeLessThan(8 * segmentBytes);
    await busy.check(log);
    host.restart("everything");
    const again = await open();
    expect(again.recovery).toMatchObject({ damage: [], mayMissGroups: false });
    await busy.check(again.log);
    expect(directoryBytes()).toBeLessThan(8 * segmentBytes);
  });

  test("a quiet group's vote and few entries outlive every segment [I-17, O-4]", async () => {
    const { log } = await open({ cacheBytesPerGroupMax: 0 });
    const busy = new Busy();
    await host.until(write(log, 2, { entries: entries(1, 5, 1), hardState: hardState(1, 2) }));
    await host.until(write(log, 3, { hardState: hardState(7, 3) }));
    let quietLast = 5;
    let current = log;
    for (let cycle = 0; cycle < 12; cycle++) {
      await busy.cycle(current);
      // Restating older ones never discards what has come since.
      if (cycle % 3 === 1) {
        quietLast++;
        await host.until(write(current, 2, { entries: [entry(quietLast, 1)] }));
      }
      expect(plain(await host.until(readAll(current, 2)))).toEqual(plain(entries(1, quietLast, 1)));
      // A snapshot alone cuts nothing.
      if (cycle === 4) await host.until(writeSnapshot(current.createSnapshot(2, meta(3, 1)), filler(10, 1)));
      if (cycle % 4 === 3) {
        host.restart("random");
        current = (await open({ cacheBytesPerGroupMax: 0 })).log;
      }
    }
    expect(Math.min(...segments())).toBeGreaterThan(8);
    expect(events.filter((event) => event === "log entries restated").length).toBeGreaterThan(5);
    expect(plain(await host.until(readAll(current, 2)))).toEqual(plain(entries(1, quietLast, 1)));
    expect([current.group(2).firstIndex, current.group(2).term(0)]).toEqual([1, 0]);
    expect(current.group(2).hardState).toEqual(hardState(1, 2, 3));
    expect(current.group(3).hardState).toEqual(hardState(7, 3));
    // What replaces restated entries still does.
    await host.until(write(current, 2, { entries: [entry(5, 2)] }));
    host.restart("everything");
    const last = await open();
    expect(plain(await host.until(readAll(last.log, 2)))).toEqual(plain([...entries(1, 4, 1), entry(5, 2)]));
  });

  test("entries that lie far apart are brought together, many in one write", async () => {
    const { log } = await open({ segmentBytes: 262_144 });
    // One in each batch of 4 KiB: most of the segment is padding.
    for (let index = 1; index <= 200; index++) await host.until(write(log, 1, { entries: [entry(index, 1)] }));
    const epoch = log.diskEpoch;
    const before = log.sizeBytes;
    await host.run(50);
    expect(epoch).toBeGreaterThan(2);
    expect(events.filter((event) => event === "log entries restated").length).toBeGreaterThan(0);
    expect(log.sizeBytes - before).toBeLessThan(5 * 4_096);
    expect(log.sizeBytes).toBeLessThan(150 * 4_096);
    expect(plain(await host.until(readAll(log, 1)))).toEqual(plain(entries(1, 200, 1)));
    host.restart("everything");
    expect(plain(await host.until(readAll((await open()).log, 1)))).toEqual(plain(entries(1, 200, 1)));
  });

  test("a change of the configuration that is restated is still known as one [M-8]", async () => {
    const { log } = await open();
    const busy = new Busy();
    await busy.cycle(log);
    await host.until(write(log, 2, { entries: [entry(1, 1), configurationEntry(2, 1), entry(3, 1)] }));
    for (let cycle = 0; cycle < 8; cycle++) await busy.cycle(log);
    expect(events).toContain("log entries restated");
    host.restart("everything");
    const group = (await open()).log.group(2);
    expect([1, 2, 3].filter((index) => group.hasConfiguration?.(index, index))).toEqual([2]);
  });

  test("an entry in pieces is restated in pieces", async () => {
    const { log } = await open({ segmentBytes: 8 * 1_048_576, cacheBytesPerGroupMax: 0 });
    const busy = new Busy();
    const large = entry(1, 1, filler(400_000, 9));
    const options = { entryCount: 24, entryBytes: 200_000 };
    await busy.cycle(log, options);
    await host.until(write(log, 2, { entries: [large, entry(2, 1)] }));
    for (let cycle = 0; cycle < 4; cycle++) await busy.cycle(log, options);
    expect(events).toContain("log entries restated");
    expect(plain(await host.until(readAll(log, 2)))).toEqual(plain([large, entry(2, 1)]));
    host.restart("everything");
    const again = await open();
    expect(again.recovery.groups.map((group) => group.isDamaged)).toEqual([false, false]);
    expect(plain(await host.until(readAll(again.log, 2)))).toEqual(plain([large, entry(2, 1)]));
  });

  test("a set that is spread over segments keeps the one where it began", async () => {
    const { log } = await open();
    const large = entry(1, 1, filler(6_000_000, 9));
    await host.until(write(log, 1, { entries: [large] }));
    expect(segments().length).toBeGreaterThan(2);
    host.restart("everything");
    const again = await open();
    expect(again.recovery.groups).toMatchObject([{ isDamaged: false }]);
    expect(plain(await host.until(readAll(again.log, 1)))).toEqual(plain([large]));
  });

  test("many short runs leave few files, with every entry in them", async () => {
    for (let start = 1; start <= 40; start++) {
      const { log } = await open();
      await host.until(write(log, 1, { entries: [entry(start, 1)] }));
      await host.run(10);
      if (start % 2 === 0) await host.until(log.close());
      host.restart();
      expect(host.files().size).toBeLessThan(14);
    }
    const { log } = await open();
    expect(plain(await host.until(readAll(log, 1)))).toEqual(plain(entries(1, 40, 1)));
  });

  test.for([
    { name: "of one small entry each", entryBytes: 20 },
    { name: "that are full", entryBytes: 4_000 },
  ])("a log of many batches $name comes to rest, however many segments it has", async ({ entryBytes }) => {
    const { log } = await open();
    const all = Array.from({ length: 300 }, (_, place) => entry(place + 1, 1, filler(entryBytes, place)));
    for (const one of all) await host.until(write(log, 1, { entries: [one] }));
    await host.run(5_000);
    const count = events.length;
    await host.run(5_000);
    expect(events.slice(count)).toEqual([]);
    expect(directoryBytes()).toBeLessThan(Math.max(12 * segmentBytes, 3 * 300 * entryBytes));
    expect(plain(await host.until(readAll(log, 1)))).toEqual(plain(all));
  });

  test("a start gives up what nothing needs, without a segment being filled", async () => {
    const { log } = await open();
    const busy = new Busy();
    await busy.cycle(log, { entryCount: 4 });
    log.compact(1, busy.last);
    await host.until(log.close());
    // The first one reads that it was cut in a tail, which is proven only by what it writes behind it.
    const { log: between } = await open();
    await host.until(write(between, 1, { hardState: hardState(2, 1, busy.last) }));
    await host.until(between.close());
    const again = await open();
    expect(segments().filter((segment) => segment < again.log.diskEpoch - 1)).toEqual([]);
    await busy.check(again.log);
    expect(again.log.group(1).firstIndex).toBe(busy.last + 1);
    host.restart("everything");
    await busy.check((await open()).log);
  });

  test("what an installed snapshot replaced is given up with it", async () => {
    const { log } = await open();
    for (let index = 1; index <= 30; index++) {
      await host.until(write(log, 2, { entries: [entry(index, 1, filler(6_000, index))] }));
    }
    await host.until(install(log, 2, meta(40, 2), { hardState: hardState(2, 1, 40) }));
    const busy = new Busy();
    for (let cycle = 0; cycle < 2; cycle++) await busy.cycle(log);
    expect(Math.min(...segments())).toBeGreaterThan(2);
    host.restart("everything");
    const again = await open();
    expect([again.log.group(2).firstIndex, again.log.group(2).term(40), again.log.group(2).isDamaged]).toEqual([
      41,
      2,
      false,
    ]);
  });

  test("a file that cannot be removed is removed later, and is never part of the log again", async () => {
    const { log } = await open();
    const busy = new Busy();
    const lift = host.machine.disk.inject({ operation: "remove", code: "EIO", count: Number.POSITIVE_INFINITY });
    for (let cycle = 0; cycle < 4; cycle++) await busy.cycle(log);
    expect(Math.min(...segments())).toBe(1);
    await busy.check(log);
    host.restart("nothing");
    lift();
    const again = await open();
    expect(Math.min(...segments())).toBeGreaterThan(3);
    await busy.check(again.log);
  });

  test("on a full disk a snapshot and the log cut behind it make space, without an operator [D-7]", async () => {
    const { log } = await open({ segmentBytes: 131_072, freeBytesMin: 200_000, fullRetryMs: 100 });
    const { disk } = host.machine;
    const busy = new Busy();
    disk.settings = { ...disk.settings, capacityBytes: 1_000_000 };
    let index = 0;
    while (!log.isFull && index < 1_000) {
      index++;
      log.append(
        1,
        { entries: [entry(index, 1, filler(6_000, index))], hardState: undefined, snapshot: undefined },
        () => {},
      );
      log.flush();
      await host.run(5);
    }
    expect(log.isFull).toBe(true);
    await host.run(1_000);
    expect(log.isFull).toBe(true);
    const durable = log.group(1).bytesAbove(0);
    expect(durable).toBeGreaterThan(300_000);
    // A new term, a snapshot, and a log that begins behind it.
    await host.until(write(log, 1, { hardState: hardState(2, 3) }));
    busy.last = index - 5;
    await host.until(writeSnapshot(log.createSnapshot(1, meta(busy.last, 1)), filler(5_000, busy.last)));
    log.compact(1, busy.last);
    await host.run(5_000);
    expect(log.isFull).toBe(false);
    index++;
    await host.until(write(log, 1, { entries: [entry(index, 1)] }));
    for (let more = 0; more < 30; more++) {
      index++;
      await host.until(write(log, 1, { entries: [entry(index, 1, filler(6_000, index))] }));
    }
    expect(events).toContain("log segment given up");
    host.restart("everything");
    const again = await open();
    expect(again.log.group(1).lastIndex).toBe(index);
    expect(again.recovery.groups).toMatchObject([{ isDamaged: false, snapshot: { index: busy.last } }]);
  });
});

describe("a group that holds the oldest segment", () => {
  test("is asked for a snapshot when the log is larger than it should be, and not before", async () => {
    const large = { segmentBytes: 1_048_576, reclaimBytes: 6 * 1_048_576 };
    const { log } = await open(large);
    const wanted: { readonly group: number; readonly bytes: number }[] = [];
    log.onSnapshotWanted((group) => wanted.push({ group, bytes: log.sizeBytes }));
    const busy = new Busy();
    for (let index = 1; index <= 5; index++) {
      await host.until(write(log, 2, { entries: [entry(index, 1, filler(60_000, index))] }));
    }
    for (let cycle = 0; cycle < 8; cycle++) await busy.cycle(log, { entryBytes: 60_000 });
    expect(new Set(wanted.map(({ group }) => group))).toEqual(new Set([2]));
    for (const { bytes } of wanted) expect(bytes).toBeGreaterThan(large.reclaimBytes);
    expect(Math.min(...segments())).toBe(1);
    await host.until(writeSnapshot(log.createSnapshot(2, meta(5, 1)), filler(10, 1)));
    log.compact(2, 5);
    for (let cycle = 0; cycle < 2; cycle++) await busy.cycle(log, { entryBytes: 60_000 });
    expect(Math.min(...segments())).toBeGreaterThan(4);
    const count = wanted.length;
    await busy.cycle(log, { entryBytes: 60_000 });
    expect(wanted).toHaveLength(count);
  });

  test("keeps it if it is damaged: what is left of it is for people to look at [D-3]", async () => {
    const { log } = await open();
    const busy = new Busy();
    await host.until(write(log, 2, { entries: entries(1, 3, 1, 4_000) }));
    await host.until(write(log, 2, { entries: entries(4, 6, 1, 4_000) }));
    await busy.cycle(log);
    await host.until(log.close());
    const [first] = batchesIn(await host.until(host.platform.disk.readFile(`${directory}/000000000001.segment`)), 1);
    host.machine.disk.flipBit(`${directory}/000000000001.segment`, (first?.offset ?? 0) + 64 + 48 + 30, 1);
    let again = await open();
    expect(again.log.group(2).isDamaged).toBe(true);
    for (let cycle = 0; cycle < 4; cycle++) await busy.cycle(again.log);
    expect(Math.min(...segments())).toBe(1);
    expect(events).toContain("log segment kept for a damaged group");
    host.restart("everything");
    again = await open();
    expect(again.log.group(2).isDamaged).toBe(true);
    await busy.check(again.log);
  });
});

describe("damage behind segments that were given up", () => {
  /** Group 2's entries stand at the head, restated; gives where, and where their earlier copies are. */
  async function restated(): Promise<{
    readonly busy: Busy;
    readonly copies: readonly { readonly segment: number; readonly offset: number }[];
  }> {
    const { log } = await open({ cacheBytesPerGroupMax: 0 });
    const busy = new Busy();
    await host.until(write(log, 2, { entries: entries(1, 3, 1), hardState: hardState(1, 2) }));
    for (let cycle = 0; cycle < 3; cycle++) await busy.cycle(log);
    await host.until(log.close());
    const copies: { readonly segment: number; readonly offset: number }[] = [];
    for (const segment of segments()) {
      const bytes = await host.until(host.platform.disk.readFile(`${directory}/${name(segment)}`));
      for (const { offset } of batchesIn(bytes, segment)) {
        const at = Buffer.from(bytes.subarray(offset, offset + 4_096)).indexOf("1.1", 0, "latin1");
        if (at !== -1) copies.push({ segment, offset: offset + at });
      }
    }
    return { busy, copies };
  }

  function name(segment: number): string {
    return `${String(segment).padStart(12, "0")}.segment`;
  }

  test("without any, all is whole", async () => {
    const { busy } = await restated();
    expect(Math.min(...segments())).toBeGreaterThan(1);
    const { log, recovery } = await open();
    expect(recovery.damage).toEqual([]);
    expect(plain(await host.until(readAll(log, 2)))).toEqual(plain(entries(1, 3, 1)));
    await busy.check(log);
  });

  test("a restated entry that is lost is missed where it stood before [D-3]", async () => {
    const { copies } = await restated();
    for (const { segment, offset } of copies) host.machine.disk.flipBit(`${directory}/${name(segment)}`, offset, 2);
    const { log, recovery } = await open();
    expect(copies.length).toBeGreaterThan(0);
    expect(recovery.damage).toHaveLength(copies.length);
    expect(log.group(2).isDamaged).toBe(true);
  });

  test("the oldest segment's file that is lost costs the groups that need it, and is noticed [D-3]", async () => {
    await restated();
    host.machine.disk.loseFile(`${directory}/${name(Math.min(...segments()))}`);
    const { recovery } = await open();
    expect(recovery.damage.length).toBeGreaterThan(0);
    expect(recovery.groups.map((group) => group.isDamaged)).toContain(true);
  });

  test("lost entries that a durable snapshot holds are no damage: the log begins behind them", async () => {
    const { log } = await open();
    await host.until(write(log, 1, { entries: entries(1, 3, 1) }));
    await host.until(write(log, 1, { entries: entries(4, 6, 1) }));
    await host.until(write(log, 1, { entries: entries(7, 9, 1) }));
    await host.until(writeSnapshot(log.createSnapshot(1, meta(8, 1)), filler(10, 1)));
    await host.until(log.close());
    const [, second] = batchesIn(await host.until(host.platform.disk.readFile(`${directory}/${name(1)}`)), 1);
    host.machine.disk.flipBit(`${directory}/${name(1)}`, (second?.offset ?? 0) + 64 + 48 + 30, 1);
    const again = await open();
    expect(again.recovery.damage).toMatchObject([{ groups: [1] }]);
    const group = again.log.group(1);
    expect([group.isDamaged, group.firstIndex - 1 <= 8, group.term(group.firstIndex - 1)]).toEqual([false, true, 1]);
    expect(plain((await host.until(readAll(again.log, 1))).slice(-2))).toEqual(plain(entries(8, 9, 1)));
  });
});
