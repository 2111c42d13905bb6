/** Everything that is stored is read back from time to time (CONSENSUS D-8). */
import { expect, test } from "vitest";
import { watchedDisk, watchedFile } from "../../test/log/disk-calls.ts";
import {
  batchesIn,
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
  readSnapshot,
  SimulatedHost,
  write,
  writeSnapshot,
} from "../../test/log/fixture.ts";
import { AssertionFailure, type Disk, DiskError } from "../platform/index.ts";
import { SeededRandom } from "../simulation/index.ts";
import type { Log } from "./log.ts";
import type { LogOptions } from "./log-settings.ts";

const dayMs = 86_400_000;
const settings: Partial<LogOptions> = { segmentBytes: 65_536, freeBytesMin: 0, reclaimBytes: 2 ** 30 };

/** Two groups over several segments, the first with a snapshot of three blocks. */
async function filled(host: SimulatedHost, options: Partial<LogOptions> = {}): Promise<Log> {
  const { log } = await openLog(host, { ...settings, ...options });
  for (let index = 1; index <= 40; index++) {
    await host.until(write(log, 1, { entries: entries(index, index, 1, 5_000), hardState: hardState(1, 1) }));
    await host.until(write(log, 2, { entries: entries(index, index, 1, 3_000), hardState: hardState(1, 2) }));
  }
  await host.until(writeSnapshot(log.createSnapshot(1, meta(20, 1)), filler(150_000, 9)));
  return log;
}

function flushed(log: Log, act: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    act(resolve);
    log.flush();
  });
}

async function cutAll(log: Log, id: number): Promise<void> {
  const { lastIndex } = log.group(id);
  await writeSnapshot(log.createSnapshot(id, meta(lastIndex, 1)), filler(1_000, 9));
  log.compact(id, lastIndex);
}

async function untilRound(host: SimulatedHost, log: Log, count = 1): Promise<void> {
  const isDone = (): boolean => log.scrub.roundCount >= count;
  expect(await host.world.runUntil(isDone, 40 * dayMs)).toBe(true);
  host.check();
}

function flipIn(host: SimulatedHost, segment: number, place: number): void {
  const path = `${directory}/${String(segment).padStart(12, "0")}.segment`;
  const { offset } = batchesIn(Buffer.from(host.machine.disk.contentOf(path) ?? []), segment).at(place) ?? {
    offset: 0,
  };
  // In the body, behind the header with its two groups at most.
  host.machine.disk.flipBit(path, offset + 1_000, 3);
}

test("once a week all that is stored is read back, a little at a time, in memory or not [D-8]", async () => {
  const host = new SimulatedHost();
  const log = await filled(host, { scrubBytesPerSecond: 100_000 });
  expect(log.scrub).toEqual({ isRunning: false, roundCount: 0, lastRoundWallMs: null, readBytes: 0, damageCount: 0 });
  expect(await host.world.runUntil(() => log.scrub.isRunning, 7 * dayMs)).toBe(true);
  const beginMs = host.world.nowMs;
  await untilRound(host, log);
  const { readBytes, lastRoundWallMs, damageCount } = log.scrub;
  expect(readBytes).toBeGreaterThan(40 * 8_000 + 150_000);
  expect(damageCount).toBe(0);
  expect(Math.abs((lastRoundWallMs ?? 0) - host.platform.clock.wallMs())).toBeLessThan(10);
  const tookMs = host.world.nowMs - beginMs;
  expect(tookMs).toBeGreaterThan((readBytes / 100_000) * 1_000 * 0.99);
  expect(tookMs).toBeLessThan((readBytes / 100_000) * 1_000 * 1.2);
  await untilRound(host, log, 3);
  expect(host.world.nowMs - beginMs).toBeGreaterThan(2 * 7 * dayMs - 1);
  await host.until(log.close());
});

test.for([
  { name: "an entry that has left memory", place: 3, cacheBytesPerGroupMax: 1_000 },
  { name: "an entry that memory still holds", place: 3, cacheBytesPerGroupMax: 2 ** 20 },
  { name: "the last entry", place: -1, cacheBytesPerGroupMax: 2 ** 20 },
])("a flipped bit in $name costs its group, and no other [D-3, D-8]", async ({ place, cacheBytesPerGroupMax }) => {
  const host = new SimulatedHost();
  const log = await filled(host, { cacheBytesPerGroupMax });
  const damaged: number[] = [];
  log.onDamage(({ group }) => damaged.push(group));
  log.onSnapshotDamage(() => damaged.push(0));
  const segment = place === -1 ? log.diskEpoch : 1;
  await host.run(1_000);
  if (place === -1) {
    await host.until(write(log, 2, { entries: entries(41, 41, 1, 3_000) }));
    // The mark that an idle log writes comes behind it.
    flipIn(host, segment, -1);
    await host.run(1_000);
  } else flipIn(host, segment, place);
  await untilRound(host, log);
  expect(damaged).toEqual([2]);
  const group = 2;
  expect([log.group(1).isDamaged, log.group(2).isDamaged]).toEqual([false, true]);
  expect(log.scrub.damageCount).toBe(1);
  // The other one goes on, and the damage is remembered.
  const other = 1;
  const next = log.group(other).lastIndex + 1;
  await host.until(write(log, other, { entries: [entry(next, 1)] }));
  await untilRound(host, log, 2);
  expect(damaged).toHaveLength(1);
  await host.until(log.close());
  host.restart();
  const again = await openLog(host, settings);
  expect(again.log.group(group).isDamaged).toBe(true);
  expect(again.log.group(other).isDamaged).toBe(false);
});

test("damaged entries that a snapshot holds cost nothing but themselves: the log begins behind them [D-8]", async () => {
  const host = new SimulatedHost();
  const log = await filled(host, { cacheBytesPerGroupMax: 1_000 });
  const damaged: number[] = [];
  log.onDamage(({ group }) => damaged.push(group));
  // The second entry of group 1, which has a snapshot of the first twenty.
  flipIn(host, 1, 2);
  await untilRound(host, log);
  expect(damaged).toEqual([]);
  expect(log.scrub.damageCount).toBe(1);
  expect(log.group(1)).toMatchObject({ isDamaged: false, firstIndex: 3, lastIndex: 40 });
  expect(plain(await host.until(readAll(log, 1)))).toEqual(plain(entries(3, 40, 1, 5_000)));
  await untilRound(host, log, 2);
  expect(log.scrub.damageCount).toBe(1);
});

test("a flipped bit in a snapshot is told, costs no group, and is gone with the next one [D-8]", async () => {
  const host = new SimulatedHost();
  const log = await filled(host);
  const damaged: unknown[] = [];
  log.onDamage((error) => damaged.push(error));
  log.onSnapshotDamage((error) => damaged.push(error));
  const [path = ""] = [...host.files().keys()].filter((name) => name.endsWith(".snapshot"));
  host.machine.disk.flipBit(`${directory}/${path}`, 100_000, 1);
  await untilRound(host, log);
  expect(damaged).toMatchObject([{ code: "SNAPSHOT_DAMAGED", group: 1 }]);
  expect(log.scrub.damageCount).toBe(1);
  expect(log.group(1).isDamaged).toBe(false);
  await host.until(writeSnapshot(log.createSnapshot(1, meta(30, 1)), filler(1_000, 9)));
  await untilRound(host, log, 2);
  expect(log.scrub.damageCount).toBe(1);
  expect(Buffer.compare(await host.until(readSnapshot(log.openSnapshot(1))), filler(1_000, 9))).toBe(0);
});

test("a disk that does not give back what it holds is damage; one that has no file to spare is not [D-8]", async () => {
  const host = new SimulatedHost();
  const log = await filled(host, { scrubIntervalMs: 60_000 });
  host.machine.disk.inject({ operation: "open", code: "EMFILE", count: 30 });
  await untilRound(host, log);
  expect(log.scrub.damageCount).toBe(0);
  const damaged: number[] = [];
  log.onDamage(({ group }) => damaged.push(group));
  const heal = host.machine.disk.inject({ operation: "read", code: "EIO", count: Number.POSITIVE_INFINITY });
  await untilRound(host, log, 2);
  heal();
  expect(damaged).toEqual([1, 2]);
});

test("what is written, rewritten, compacted, restated, ended and begun anew meanwhile is never taken for damage [D-8]", async () => {
  const stream = filler(90_000, 5);
  for (let seed = 1; seed <= 5; seed++) {
    const host = new SimulatedHost({ seed });
    const random = new SeededRandom(seed);
    const options = { scrubIntervalMs: 20, scrubBytesPerSecond: random.pick([2_000_000, 50_000_000]) };
    const { log } = await openLog(host, { ...settings, segmentBytes: 16_384, reclaimBytes: 65_536, ...options });
    const alarms: string[] = [];
    log.onDamage((error) => alarms.push(error.message));
    log.onSnapshotDamage((error) => alarms.push(error.message));
    let term = 1;
    let replica = 1;
    for (let step = 0; step < 100; step++) {
      const id = random.integer(1, 2);
      const group = log.group(id);
      const { snapshot, lastIndex, firstIndex } = group;
      const from = Math.max(firstIndex, (snapshot?.index ?? 0) + 1);
      const choice = random.integer(0, 19);
      if (choice < 13) {
        const first = random.chance(0.3) && from <= lastIndex ? random.integer(from, lastIndex) : lastIndex + 1;
        if (first <= lastIndex) term++;
        await host.until(
          write(log, id, {
            entries: entries(first, first + 3, term, random.pick([10, 2_000])),
            hardState: hardState(term, 1),
          }),
        );
      } else if (choice < 16 && from < lastIndex) {
        const index = random.integer(from, lastIndex);
        await host.until(writeSnapshot(log.createSnapshot(id, meta(index, group.term(index))), stream));
        log.compact(id, random.integer(firstIndex, index));
      } else if (choice === 16) {
        await host.until(install(log, id, meta(lastIndex + 5, term)));
      } else if (choice === 17 && id === 2) {
        await host.until(flushed(log, (done) => log.beginReplica(2, ++replica, done)));
      } else if (choice === 18 && id === 2) {
        await host.until(flushed(log, (done) => log.endReplica(2, ++replica, done)));
        await host.run(random.pick([0, 10, 100]));
        await host.until(flushed(log, (done) => log.beginReplica(2, ++replica, done)));
      }
      await host.run(random.pick([0, 1, 10]));
    }
    expect(alarms).toEqual([]);
    expect(log.scrub.roundCount).toBeGreaterThan(3);
    const kept = await host.until(readAll(log, 1));
    const { firstIndex } = log.group(1);
    await host.until(log.close());
    host.restart();
    const again = await openLog(host, settings);
    // The first one may be missing, whose snapshot stands for it: the term before it stood in a segment that was given up.
    const { firstIndex: firstNow, snapshot } = again.log.group(1);
    expect(firstNow === firstIndex || (firstNow === firstIndex + 1 && firstIndex <= (snapshot?.index ?? 0))).toBe(true);
    const found = plain(await host.until(readAll(again.log, 1)));
    expect(found).toEqual(plain(kept).slice(firstNow - firstIndex));
  }
});

test.for([
  { what: "cut from the log", leave: (log: Log) => cutAll(log, 1) },
  { what: "written again elsewhere", leave: () => Promise.resolve() },
  {
    what: "a gone replica's",
    leave: (log: Log) => flushed(log, (done) => log.beginReplica(1, 65_537, done)),
  },
])("a file that goes while an entry is read from it that by then is $what is no damage [D-8]", async ({ leave }) => {
  const host = new SimulatedHost();
  const { disk } = host.platform;
  let release: (() => void) | undefined;
  let readCount = 0;
  const failing = async (path: string): Promise<never> => {
    // Three times among its neighbours, and then alone.
    if (++readCount > 3)
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    throw new DiskError("EIO", "read", path);
  };
  const slow: Disk = {
    ...watchedDisk(disk, () => {}),
    open: async (path, mode) => {
      const file = await disk.open(path, mode);
      if (mode !== "read" || !path.endsWith("/000000000001.segment")) return file;
      return { ...watchedFile(file), read: () => failing(path) };
    },
  };
  const { log } = await openLog(host, { ...settings, disk: slow, scrubIntervalMs: 60_000 });
  const damaged: number[] = [];
  log.onDamage(({ group }) => damaged.push(group));
  await host.until(write(log, 1, { entries: entries(1, 2, 1, 500), hardState: hardState(1, 1) }));
  const fill = async (from: number): Promise<void> => {
    for (let index = from; index < from + 30; index++)
      await host.until(write(log, 2, { entries: entries(index, index, 1, 5_000) }));
  };
  await fill(1);
  expect(await host.world.runUntil(() => release !== undefined, dayMs)).toBe(true);
  // The file is needed no longer, and is removed by the next segments' headers.
  await host.until(leave(log));
  await host.until(cutAll(log, 2));
  await fill(31);
  expect(host.files().has("000000000001.segment")).toBe(false);
  release?.();
  await untilRound(host, log);
  expect(damaged).toEqual([]);
  expect(log.scrub.damageCount).toBe(0);
  expect(log.group(1).isDamaged).toBe(false);
});

test("closing does not wait for the end of a round, nor for a file to spare, and nothing comes afterwards", async () => {
  for (const injected of [false, true]) {
    const host = new SimulatedHost();
    const log = await filled(host, { scrubIntervalMs: 1_000, scrubBytesPerSecond: 1_000 });
    expect(await host.world.runUntil(() => log.scrub.readBytes > 0, 10_000)).toBe(true);
    if (injected) {
      await host.run(300_000);
      host.machine.disk.inject({ operation: "open", code: "EMFILE", count: Number.POSITIVE_INFINITY });
      await host.run(100_000);
    }
    const beforeMs = host.world.nowMs;
    await host.until(log.close());
    expect(host.world.nowMs - beforeMs).toBeLessThan(500);
    const { readBytes } = log.scrub;
    await host.run(dayMs);
    expect(log.scrub).toMatchObject({ readBytes, roundCount: 0, isRunning: false });
  }
});

test("it can be switched off, and an interval that no timer can wait for is refused", async () => {
  const host = new SimulatedHost();
  const log = await filled(host, { scrubIntervalMs: 0 });
  await host.run(20 * dayMs);
  expect(log.scrub).toMatchObject({ roundCount: 0, readBytes: 0 });
  await host.until(log.close());
  host.restart();
  await expect(openLog(host, { ...settings, scrubIntervalMs: 30 * dayMs })).rejects.toThrow(AssertionFailure);
});
