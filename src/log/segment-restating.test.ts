import { beforeEach, describe, expect, test } from "vitest";
import { watchedDisk, watchedFile } from "../../test/log/disk-calls.ts";
import {
  batchesIn,
  directory,
  entries,
  entry,
  filler,
  meta,
  openLog,
  plain,
  readAll,
  SimulatedHost,
  write,
  writeSnapshot,
} from "../../test/log/fixture.ts";
import type { Disk, Logger } from "../platform/index.ts";
import type { Entry } from "../raft/index.ts";
import type { Log } from "./log.ts";
import type { LogOptions } from "./log-settings.ts";

const segmentBytes = 2 * 1_048_576;
const first = pathOf(1);
const busyGroup = 99;
const groups = Array.from({ length: 64 }, (_, place) => place + 1);

function pathOf(segment: number): string {
  return `${directory}/${String(segment).padStart(12, "0")}.segment`;
}

interface Read {
  readonly path: string;
  readonly bytes: number;
  readonly startMs: number;
  readonly endMs: number;
}

let host: SimulatedHost;
/** Of segments, in order. */
let reads: Read[];
let events: string[];
/** What a read has to wait for. */
let delay: () => Promise<void>;

beforeEach(() => {
  host = new SimulatedHost();
  reads = [];
  events = [];
  delay = () => Promise.resolve();
});

const logger: Logger = { log: (_level, event) => void events.push(event) };

/** The host's disk, which tells of what is read of segments. */
function toldDisk(): Disk {
  const { disk, clock } = host.platform;
  return {
    ...watchedDisk(disk, () => {}),
    open: async (path, mode) => {
      const file = await disk.open(path, mode);
      const read = async (position: number, length: number): Promise<Uint8Array> => {
        const startMs = clock.nowMs();
        await delay();
        const bytes = await file.read(position, length);
        reads.push({ path, bytes: bytes.length, startMs, endMs: clock.nowMs() });
        return bytes;
      };
      return { ...watchedFile(file), read };
    },
  };
}

async function open(options: Partial<LogOptions> = {}): Promise<Log> {
  const settings = { segmentBytes, freeBytesMin: 0, idleMarkMs: 1_000_000, reclaimBytes: 2 ** 30 };
  const { log } = await openLog(host, { ...settings, logger, cacheBytesPerGroupMax: 0, disk: toldDisk(), ...options });
  return log;
}

function append(log: Log, group: number, list: readonly Entry[]): Promise<void> {
  return new Promise((resolve) =>
    log.append(group, { entries: list, hardState: undefined, snapshot: undefined }, resolve),
  );
}

/** Batches that hold an entry of each group, with much between them that a snapshot makes superfluous. */
async function interleaved(log: Log): Promise<void> {
  for (let index = 1; index <= 4; index++) {
    const written = groups.map((group) => append(log, group, [textOf(group, index)]));
    log.flush();
    await host.until(Promise.all(written));
    await host.until(write(log, busyGroup, { entries: entries(3 * index - 2, 3 * index, 1, 100_000) }));
  }
}

function textOf(group: number, index: number): Entry {
  return entry(index, 1, `${group}/${index}`.padEnd(100, "."));
}

/** Fills a segment with what a snapshot will make superfluous. */
async function fill(log: Log, segment = 1): Promise<void> {
  while (log.diskEpoch === segment) {
    const { lastIndex } = log.group(busyGroup);
    await host.until(write(log, busyGroup, { entries: entries(lastIndex + 1, lastIndex + 3, 1, 80_000) }));
  }
}

/** Only what other groups have is left of the segments that were filled. */
async function cut(log: Log): Promise<void> {
  const { lastIndex } = log.group(busyGroup);
  await host.until(writeSnapshot(log.createSnapshot(busyGroup, meta(lastIndex, 1)), filler(1_000, 1)));
  reads.length = 0;
  log.compact(busyGroup, lastIndex);
}

async function leaveFirst(log: Log): Promise<void> {
  await fill(log);
  await cut(log);
}

function readBytes(path = first): number {
  return reads.filter((read) => read.path === path).reduce((sum, read) => sum + read.bytes, 0);
}

function isRestated(): boolean {
  return events.includes("log entries restated");
}

async function untilRestated(): Promise<void> {
  expect(await host.world.runUntil(isRestated, 60_000)).toBe(true);
}

async function expectAll(log: Log, of: readonly number[] = groups): Promise<void> {
  for (const group of of) {
    const expected = [1, 2, 3, 4].map((index) => textOf(group, index));
    expect(plain(await host.until(readAll(log, group)))).toEqual(plain(expected));
  }
}

describe("what is left of a segment is written again", () => {
  test("by reading it at most once, however many groups share its batches", async () => {
    const log = await open();
    await interleaved(log);
    await leaveFirst(log);
    await untilRestated();
    const batches = batchesIn(await host.until(host.platform.disk.readFile(first)), 1).slice(0, 8);
    const needed = batches.filter((_, place) => place % 2 === 0).reduce((sum, batch) => sum + batch.bytes, 0);
    expect(readBytes()).toBe(needed);
    // All that they had in four batches stands in one now.
    expect(groups.map((group) => log.group(group).bytesAbove(0))).toEqual(groups.map(() => 4 * 124));
    await expectAll(log);
    host.restart("everything");
    await expectAll(await open());
  });

  test("also if large entries of several groups lie there in turn, in pieces, and end in the next one", async () => {
    // The third one has 16 MiB.
    const log = await open({ segmentBytes: 16 * 1_048_576 });
    await fill(log, 1);
    await fill(log, 2);
    const startBytes = log.sizeBytes;
    while (log.sizeBytes - startBytes < 15_000_000) {
      const { lastIndex } = log.group(busyGroup);
      await host.until(write(log, busyGroup, { entries: entries(lastIndex + 1, lastIndex + 3, 1, 30_000) }));
    }
    // By then the next one is ready.
    await host.run(10_000);
    const large = [11, 12].map((group) => ({ group, list: [entry(1, 1, filler(900_000, group)), entry(2, 1)] }));
    const written = large.map(({ group, list }) => append(log, group, list));
    log.flush();
    await host.until(Promise.all(written));
    expect(log.diskEpoch).toBe(4);
    await cut(log);
    await untilRestated();
    const sums = [readBytes(pathOf(3)), readBytes(pathOf(4))];
    expect(Math.min(...sums)).toBeGreaterThan(100_000);
    expect((sums[0] ?? 0) + (sums[1] ?? 0)).toBeLessThan(1_800_000 + 40_000);
    const check = async (now: Log): Promise<void> => {
      for (const { group, list } of large) expect(plain(await host.until(readAll(now, group)))).toEqual(plain(list));
    };
    await check(log);
    host.restart("everything");
    await check(await open());
  });

  test("without reading what memory holds", async () => {
    const log = await open({ cacheBytesPerGroupMax: 1_048_576 });
    await interleaved(log);
    await leaveFirst(log);
    await untilRestated();
    expect(reads).toEqual([]);
    host.restart("everything");
    await expectAll(await open());
  });

  test("as it is by then: what was rewritten or compacted while it was read is left out [O-4]", async () => {
    const log = await open();
    await interleaved(log);
    await fill(log);
    let release: (() => void) | undefined;
    delay = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    await cut(log);
    expect(await host.world.runUntil(() => release !== undefined, 1_000)).toBe(true);
    delay = () => Promise.resolve();
    await host.until(write(log, 1, { entries: [entry(3, 2, "new")] }));
    await host.until(writeSnapshot(log.createSnapshot(2, meta(2, 1)), filler(10, 1)));
    log.compact(2, 2);
    release?.();
    await untilRestated();
    await host.run(1_000);
    const check = async (now: Log): Promise<void> => {
      const rewritten = [textOf(1, 1), textOf(1, 2), entry(3, 2, "new")];
      expect(plain(await host.until(readAll(now, 1)))).toEqual(plain(rewritten));
      expect(plain((await host.until(readAll(now, 2))).slice(-2))).toEqual(plain([textOf(2, 3), textOf(2, 4)]));
      await expectAll(now, groups.slice(2));
    };
    await check(log);
    host.restart("everything");
    await check(await open());
  });
});

describe("what cannot be read", () => {
  test("damages the groups that need it, which keep the segment, and no other [D-3]", async () => {
    const log = await open();
    const damaged: number[] = [];
    log.onDamage(({ group }) => damaged.push(group));
    await host.until(write(log, 70, { entries: entries(1, 4, 1) }));
    const two = [append(log, 71, entries(1, 4, 1)), append(log, 72, entries(1, 4, 1))];
    log.flush();
    await host.until(Promise.all(two));
    await interleaved(log);
    const [, bad] = batchesIn(await host.until(host.platform.disk.readFile(first)), 1);
    host.machine.disk.flipBit(first, (bad?.offset ?? 0) + 64 + 2 * 48 + 30, 1);
    await leaveFirst(log);
    await host.run(1_000);
    expect(damaged).toEqual([71, 72]);
    expect(isRestated()).toBe(false);
    expect(events).toContain("stored entries damaged");
    expect(host.files().has("000000000001.segment")).toBe(true);
    await expectAll(log);
    expect(plain(await host.until(readAll(log, 70)))).toEqual(plain(entries(1, 4, 1)));
  });

  test("is tried again: a fault that passes is none, and one that says nothing of the bytes is waited out [D-8]", async () => {
    const log = await open();
    await interleaved(log);
    await fill(log);
    await host.run(1_000);
    const { lastIndex } = log.group(busyGroup);
    await host.until(writeSnapshot(log.createSnapshot(busyGroup, meta(lastIndex, 1)), filler(1_000, 1)));
    host.machine.disk.inject({ operation: "read", code: "EIO", count: 2 });
    host.machine.disk.inject({ operation: "open", code: "EMFILE", count: 3 });
    log.compact(busyGroup, lastIndex);
    await untilRestated();
    expect(events).toContain("stored entries not read");
    await expectAll(log);
  });
});

describe("others have their turns meanwhile", () => {
  /** Entries that lie far apart in it, on a slow disk. */
  async function scattered(log: Log): Promise<void> {
    for (let round = 0; round < 6; round++) {
      await host.until(write(log, 1, { entries: entries(round + 1, round + 1, 1, 20_000) }));
      const { lastIndex } = log.group(busyGroup);
      await host.until(write(log, busyGroup, { entries: entries(lastIndex + 1, lastIndex + 3, 1, 80_000) }));
    }
    await fill(log);
    delay = () => new Promise((resolve) => void host.platform.clock.setTimer(4, resolve));
  }

  /** The part of the time in which something was being read. */
  function readPart(): number {
    const all = reads.filter(({ path }) => path === first);
    expect(all.length).toBeGreaterThan(3);
    const readMs = all.reduce((sum, read) => sum + read.endMs - read.startMs, 0);
    return readMs / ((all.at(-1)?.endMs ?? 0) - (all[0]?.startMs ?? 0));
  }

  test("a quarter of the time is taken, and not much more", async () => {
    const log = await open();
    await scattered(log);
    await cut(log);
    await untilRestated();
    expect(readPart()).toBeLessThan(0.33);
    expect(readPart()).toBeGreaterThan(0.2);
  });

  test("all of it while the log is larger than it should be by far", async () => {
    const log = await open({ reclaimBytes: 65_536 });
    await scattered(log);
    await cut(log);
    await untilRestated();
    expect(readPart()).toBeGreaterThan(0.9);
  });

  test("all of it while the disk is full [D-7]", async () => {
    const { disk } = host.machine;
    const log = await open({ freeBytesMin: 400_000, fullRetryMs: 100 });
    await scattered(log);
    disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes + 400_000 };
    for (let count = 0; !log.isFull && count < 1_000; count++) {
      void append(
        log,
        busyGroup,
        entries(log.group(busyGroup).lastIndex + 1, log.group(busyGroup).lastIndex + 1, 1, 80_000),
      );
      log.flush();
      await host.run(5);
    }
    expect(log.isFull).toBe(true);
    await cut(log);
    await untilRestated();
    expect(readPart()).toBeGreaterThan(0.9);
  });

  test("closing waits for what is being read, not for the rest", async () => {
    const log = await open();
    await interleaved(log);
    delay = () => new Promise((resolve) => void host.platform.clock.setTimer(40, resolve));
    await leaveFirst(log);
    // In the pause behind the first read.
    expect(await host.world.runUntil(() => reads.length === 1, 1_000)).toBe(true);
    const startMs = host.platform.clock.nowMs();
    await host.until(log.close());
    expect(host.platform.clock.nowMs() - startMs).toBeLessThan(30);
    await host.run(1_000);
    expect(reads).toHaveLength(1);
    await expectAll(await open());
  });

  test("closing does not wait for ever for a file to spare", async () => {
    const log = await open();
    await interleaved(log);
    await fill(log);
    await host.run(1_000);
    const { lastIndex } = log.group(busyGroup);
    await host.until(writeSnapshot(log.createSnapshot(busyGroup, meta(lastIndex, 1)), filler(1_000, 1)));
    const lift = host.machine.disk.inject({ operation: "open", code: "EMFILE", count: Number.POSITIVE_INFINITY });
    log.compact(busyGroup, lastIndex);
    await host.run(500);
    await host.until(log.close());
    lift();
    await host.run(1_000);
    expect(readBytes()).toBe(0);
    await expectAll(await open());
  });
});
