/** What a log writes when there is no space for another segment. */
import { beforeEach, expect, test } from "vitest";
import {
  emptyEntry,
  entries,
  entry,
  hardState,
  openLog,
  plain,
  readAll,
  SimulatedHost,
  write,
} from "../../test/log/fixture.ts";
import { type Entry, emptyConfiguration } from "../raft/index.ts";
import type { Log } from "./log.ts";
import { entryLogBytes } from "./record-set.ts";
import { Reserve } from "./reserve.ts";

const segmentBytes = 2 * 1_048_576;
const reserveBytes = segmentBytes / 4;

let host: SimulatedHost;
beforeEach(() => {
  host = new SimulatedHost();
});

/** What the data of an entry begins with that only frees space. */
const freeing = Uint8Array.of(7);

/** Says later which of several attempts have become durable. */
class Attempts {
  readonly #log: Log;
  readonly done: string[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  async make(name: string, group: number, records: Parameters<typeof write>[2]): Promise<void> {
    void write(this.#log, group, records).then(() => this.done.push(name));
    await host.run(50);
  }
}

/** A log that is full, with group 1 up to `index` on the disk, which has no byte left. */
async function full(): Promise<{ log: Log; attempts: Attempts; index: number; makeSpace: () => void }> {
  const frees = (data: Uint8Array): boolean => data[0] === freeing[0];
  const options = { segmentBytes, freeBytesMin: 0, fullRetryMs: 100, idleMarkMs: 1_000_000, frees };
  const { log } = await openLog(host, options);
  let index = 0;
  const next = async (): Promise<void> => {
    await host.until(write(log, 1, { entries: [entry(++index, 1, new Uint8Array(100_000))] }));
  };
  const { disk } = host.machine;
  disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes };
  while (!log.isFull) {
    await next();
    await host.run(50);
  }
  const makeSpace = (): void => {
    disk.settings = { ...disk.settings, capacityBytes: 2 ** 30 };
  };
  return { log, attempts: new Attempts(log), index, makeSpace };
}

test("the parts of a segment's end follow each other, however small it is", () => {
  for (const bytes of [65_536, 262_144, segmentBytes, 64 * 1_048_576]) {
    const { fullFrom, start, freeingEnd, takenEnd, vitalStart } = new Reserve(bytes);
    const order = [0, fullFrom, start, freeingEnd, takenEnd, vitalStart, bytes - 4_095];
    expect(order).toEqual(order.toSorted((left, right) => left - right));
    expect(bytes - start).toBe(Math.min(bytes / 4, 8 * 1_048_576));
  }
  // What a leader has under way in a group with the defaults is written even in the smallest segment of a disk with little space.
  const { start, vitalStart } = new Reserve(16 * 1_048_576);
  expect(vitalStart - start).toBeGreaterThanOrEqual(3 * 1_048_576);
});

test.for([
  { name: "a vote", records: { hardState: hardState(2, 1) } },
  { name: "the entry by which a leader begins its term", records: { entries: [emptyEntry(1_000, 1)] } },
])("$name is written with the entries that stand before it in its group [D-7]", async ({ name, records }) => {
  const { log, attempts, index, makeSpace } = await full();
  // What is under way when the disk is full still finds its place, then entries are held back: these in pieces.
  await attempts.make("under way", 1, { entries: entries(index + 1, index + 1, 1, 300_000) });
  await attempts.make("held", 1, { entries: entries(index + 2, index + 4, 1, 100_000) });
  await attempts.make("of others", 2, { entries: entries(1, 1, 1) });
  expect(attempts.done).toEqual(["under way"]);
  const vital = records.entries === undefined ? records : { entries: [emptyEntry(index + 5, 1)] };
  await attempts.make(name, 1, vital);
  await host.run(1_000);
  expect(attempts.done).toEqual(["under way", "held", name]);
  expect(log.isFull).toBe(true);
  makeSpace();
  host.restart("everything");
  const again = await openLog(host);
  expect(again.log.group(1).lastIndex).toBeGreaterThanOrEqual(index + 4);
  expect(again.log.group(2).lastIndex).toBe(0);
});

test.for([
  { name: "a vital entry", last: { entry: emptyEntry } },
  { name: "a new term", last: { hardState: hardState(2, undefined) } },
])("so are entries that come together with $name [D-7]", async ({ last }) => {
  const { attempts, index } = await full();
  await attempts.make("held", 1, { entries: entries(index + 1, index + 5, 1, 100_000) });
  await attempts.make("also held", 1, {
    entries: entries(index + 6, index + 6, 1),
    hardState: hardState(0, undefined, 1),
  });
  expect(attempts.done).toEqual([]);
  const ordinary = entries(index + 7, index + 7, 1);
  const records =
    last.entry === undefined
      ? { entries: ordinary, hardState: last.hardState }
      : { entries: [...ordinary, last.entry(index + 8, 1)] };
  await attempts.make("together", 1, records);
  expect(attempts.done).toEqual(["held", "also held", "together"]);
});

test("so is what an answer waits for that must not wait for space, though it stores nothing itself [D-7]", async () => {
  const { attempts, index } = await full();
  await attempts.make("held", 1, { entries: entries(index + 1, index + 8, 1, 100_000) });
  await attempts.make("answer", 1, {});
  await host.run(1_000);
  expect(attempts.done).toEqual([]);
  await attempts.make("vital answer", 1, { isVital: true });
  expect(attempts.done).toEqual(["held", "answer", "vital answer"]);
  // Nothing waits any more: it is free.
  await attempts.make("another", 1, { isVital: true });
  expect(attempts.done.at(-1)).toBe("another");
});

test("as much as it says is written before what is vital, in sets and groups of any size [D-7]", async () => {
  const { log, attempts, index, makeSpace } = await full();
  const written: Entry[] = [];
  let bytesLeft = log.roomBeforeVitalBytes;
  expect(bytesLeft).toBeGreaterThan(reserveBytes / 2);
  for (const bytes of [300_000, 10, 70_000, 100_000, 50_000]) {
    const next = entry(index + 1 + written.length, 1, new Uint8Array(bytes));
    written.push(next);
    bytesLeft -= entryLogBytes(next);
    await attempts.make(`${bytes}`, 1, { entries: [next] });
  }
  const group = log.roomBeforeVitalBytes;
  const rest = entry(1, 1, new Uint8Array(group - 24));
  await attempts.make("rest", 2, { entries: [rest] });
  expect(log.roomBeforeVitalBytes).toBe(0);
  await attempts.make("vote", 1, { hardState: hardState(2, 1) });
  await attempts.make("entry", 2, { entries: [emptyEntry(2, 1)] });
  await host.run(1_000);
  expect(attempts.done.slice(-3)).toEqual(expect.arrayContaining(["vote", "rest", "entry"]));
  makeSpace();
  host.restart("everything");
  const again = await openLog(host);
  const found = await host.until(readAll(again.log, 1));
  expect(plain(found.slice(index))).toEqual(plain(written));
  expect(again.log.group(2).lastIndex).toBe(2);
});

test("more than that waits for space, with what stands behind it, and leaves others the last part of the reserve [D-7]", async () => {
  const { log, attempts, index, makeSpace } = await full();
  await attempts.make("much", 1, { entries: entries(index + 1, index + 12, 1, 100_000) });
  expect(log.roomBeforeVitalBytes).toBe(0);
  await attempts.make("behind", 1, { hardState: hardState(2, 1) });
  for (let term = 1; term <= 20; term++) await attempts.make(`vote ${term}`, 2, { hardState: hardState(term, 1) });
  expect(attempts.done).toEqual(Array.from({ length: 20 }, (_, at) => `vote ${at + 1}`));
  makeSpace();
  await host.run(1_000);
  expect(attempts.done.slice(-2)).toEqual(["much", "behind"]);
  expect(log.isFull).toBe(false);
});

test("entries that nothing vital follows leave the reserve as it is, whatever is written in other groups [D-7]", async () => {
  const { log, attempts, index } = await full();
  await attempts.make("under way", 1, { entries: entries(index + 1, index + 1, 1, 300_000) });
  const roomBytes = log.roomBeforeVitalBytes;
  for (let each = 1; each <= 20; each++) {
    const bytes = each === 1 ? 300_000 : 1_000;
    await attempts.make(`held ${each}`, 1, { entries: entries(index + 1 + each, index + 1 + each, 1, bytes) });
    // A new commit index alone is nothing that anybody relies on.
    await attempts.make(`hint ${each}`, 1, { hardState: hardState(0, undefined, index) });
  }
  await attempts.make("vote", 2, { hardState: hardState(1, 1) });
  await host.run(1_000);
  expect(attempts.done).toEqual(["under way", "vote"]);
  expect(roomBytes - log.roomBeforeVitalBytes).toBe(300_000 + 19 * 1_000 + 20 * 24 + 4_096);
});

test("what only frees space is written with what stands before it in its group, and nothing else is [D-7]", async () => {
  const { log, attempts, index } = await full();
  await attempts.make("under way", 1, { entries: entries(index + 1, index + 1, 1, 300_000) });
  await attempts.make("held", 1, { entries: entries(index + 2, index + 3, 1, 125_000) });
  await attempts.make("of others", 2, { entries: entries(1, 1, 1) });
  expect(attempts.done).toEqual(["under way"]);
  await attempts.make("freeing", 1, { entries: [entry(index + 4, 1, freeing)] });
  await attempts.make("behind", 1, { entries: entries(index + 5, index + 5, 1) });
  await host.run(1_000);
  expect(attempts.done).toEqual(["under way", "held", "freeing"]);
  expect(log.isFull).toBe(true);
});

test("as much as it says goes with what only frees space, and not a byte more: votes have the rest [D-7]", async () => {
  for (const excess of [0, 1]) {
    host = new SimulatedHost();
    const { log, attempts, index } = await full();
    await attempts.make("under way", 1, { entries: entries(index + 1, index + 1, 1, 300_000) });
    const roomBytes = log.roomForFreeingBytes;
    expect(roomBytes).toBeLessThan(log.roomBeforeVitalBytes);
    const last = entry(index + 3, 1, freeing);
    // The headers of the batches that it keeps room for: two blocks.
    const bytes =
      roomBytes + 2 * 4_096 * excess - entryLogBytes(last) - entryLogBytes(entry(1, 1, freeing)) + 1 + excess;
    await attempts.make("held", 1, { entries: [entry(index + 2, 1, new Uint8Array(bytes))] });
    expect(log.roomForFreeingBytes).toBe(excess === 0 ? entryLogBytes(last) : 0);
    await attempts.make("freeing", 1, { entries: [last] });
    await attempts.make("vote of others", 2, { hardState: hardState(2, 1) });
    expect(attempts.done.includes("freeing")).toBe(excess === 0);
    await attempts.make("vote", 1, { hardState: hardState(2, 1) });
    expect(attempts.done.slice(1).toSorted()).toEqual(["freeing", "held", "vote", "vote of others"]);
  }
});

test("deletes without end leave votes and what stands before these their parts of the reserve [D-7]", async () => {
  const { log, attempts, index } = await full();
  const data = new Uint8Array(30_000);
  data.set(freeing);
  for (let each = 1; each <= 60; each++) await attempts.make(`${each}`, 1, { entries: [entry(index + each, 1, data)] });
  expect(attempts.done.length).toBeGreaterThan(15);
  expect(attempts.done.length).toBeLessThan(40);
  expect(log.roomForFreeingBytes).toBe(0);
  await attempts.make("held", 2, { entries: entries(1, 1, 1, reserveBytes / 16) });
  for (let term = 1; term <= 10; term++) await attempts.make(`vote ${term}`, 2, { hardState: hardState(term, 1) });
  expect(attempts.done.slice(-11)).toEqual(["held", ...Array.from({ length: 10 }, (_, at) => `vote ${at + 1}`)]);
});

test("a few entries that keep a segment are written again on a full disk, which makes space [D-7]", async () => {
  const { log } = await openLog(host, { segmentBytes, freeBytesMin: 0, fullRetryMs: 100, idleMarkMs: 1_000_000 });
  await host.until(write(log, 2, { entries: entries(1, 3, 1) }));
  let index = 0;
  const next = async (): Promise<void> => {
    await host.until(write(log, 1, { entries: [entry(++index, 1, new Uint8Array(100_000))] }));
    await host.run(50);
  };
  while (log.diskEpoch < 3) await next();
  const { disk } = host.machine;
  // Room for a snapshot, and for the smallest segment that frees more.
  disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes + 300_000 };
  while (!log.isFull) await next();
  const attempts = new Attempts(log);
  await attempts.make("held", 3, { entries: entries(1, 6, 1, 200_000) });
  expect(attempts.done).toEqual([]);
  await host.until(log.createSnapshot(1, { index, term: 1, configuration: emptyConfiguration }).commit());
  log.compact(1, index);
  await host.run(1_000);
  expect(log.isFull).toBe(false);
  expect(attempts.done).toEqual(["held"]);
});
