/**
 * A group that begins anew as another replica, or ends: nothing of the one before comes back, and nothing of the new one is
 * lost.
 */
import { describe, expect, test } from "vitest";
import { crashAtEachCall } from "../../test/log/crash-at-each-call.ts";
import {
  batchesIn,
  directory,
  entries,
  hardState,
  hosts,
  meta,
  openLog,
  plain,
  readAll,
  SimulatedHost,
  write,
  writeSnapshot,
} from "../../test/log/fixture.ts";
import { AssertionFailure } from "../platform/index.ts";
import type { Log } from "./log.ts";
import { MemoryLog } from "./memory-log.ts";
import type { NodeLog } from "./node-log.ts";

const settings = { segmentBytes: 65_536, freeBytesMin: 0, idleMarkMs: 20 };
const first = 65_539;
const second = 131_075;

function begin(log: NodeLog, group: number, replica: number): Promise<void> {
  return new Promise((resolve) => {
    log.beginReplica(group, replica, resolve);
    log.flush();
  });
}

function end(log: NodeLog, group: number, replica: number): Promise<void> {
  return new Promise((resolve) => {
    log.endReplica(group, replica, resolve);
    log.flush();
  });
}

/** Ten entries, a snapshot, and the log cut behind it. */
async function fill(log: NodeLog, group: number): Promise<void> {
  await write(log, group, { entries: entries(1, 10, 4, 100), hardState: hardState(5, 2, 9) });
  await writeSnapshot(log.createSnapshot(group, meta(8, 4)), new Uint8Array(1_000));
  log.compact(group, 6);
}

function expectNothing(log: NodeLog, group: number, replica: number, isEnded = false): void {
  const found = log.group(group);
  expect(found).toMatchObject({ replica, isEnded, firstIndex: 1, lastIndex: 0, isDamaged: false, snapshot: undefined });
  expect(found.hardState).toEqual({ term: 0, vote: undefined, commit: 0 });
  expect(log.openSnapshot(group)).toBeUndefined();
}

const [realDisk, simulatedDisk] = hosts;

test.for([realDisk, simulatedDisk])(
  "it has nothing of the replica before, now and after a start: $name [M-10]",
  async (made) => {
    const host = await (made as (typeof hosts)[number]).make();
    let { log } = await openLog(host, settings);
    await host.until(fill(log, 1));
    await host.until(fill(log, 2));
    expect(log.group(1).replica).toBe(0);
    await host.until(begin(log, 1, first));
    expectNothing(log, 1, first);
    await host.until(write(log, 1, { entries: entries(1, 3, 7), hardState: hardState(7, first, 2) }));
    for (let starts = 0; starts < 2; starts++) {
      await host.until(log.close());
      ({ log } = await openLog(host, settings));
      expect(log.group(1)).toMatchObject({ replica: first, firstIndex: 1, lastIndex: 3, isDamaged: false });
      expect(log.group(1).hardState).toEqual(hardState(7, first, 2));
      expect(plain(await host.until(readAll(log, 1)))).toEqual(plain(entries(1, 3, 7)));
      expect(log.group(1).snapshot).toBeUndefined();
      expect(log.group(2)).toMatchObject({ replica: 0, lastIndex: 10, isDamaged: false });
      expect(log.group(2).snapshot?.index).toBe(8);
    }
    await host.until(begin(log, 1, second));
    expectNothing(log, 1, second);
    await host.until(log.close());
    await host.close();
  },
);

test("in memory it is the same", async () => {
  const host = new SimulatedHost();
  const log = new MemoryLog({ clock: host.platform.clock });
  await host.until(fill(log, 1));
  await host.until(begin(log, 1, first));
  expectNothing(log, 1, first);
  await host.until(write(log, 1, { entries: entries(1, 3, 7) }));
  expect(log.group(1).lastIndex).toBe(3);
});

test.for([realDisk, simulatedDisk])(
  "a group that has ended has nothing, now and after a start, until a higher replica begins: $name [M-10]",
  async (made) => {
    const host = await (made as (typeof hosts)[number]).make();
    let { log } = await openLog(host, settings);
    await host.until(fill(log, 1));
    await host.until(fill(log, 2));
    await host.until(end(log, 1, 3));
    expectNothing(log, 1, 3, true);
    for (let starts = 0; starts < 2; starts++) {
      await host.until(log.close());
      ({ log } = await openLog(host, settings));
      expectNothing(log, 1, 3, true);
      expect(log.group(2)).toMatchObject({ replica: 0, isEnded: false, lastIndex: 10, isDamaged: false });
    }
    await host.until(begin(log, 1, first));
    expectNothing(log, 1, first);
    await host.until(write(log, 1, { entries: entries(1, 3, 7), hardState: hardState(7, first, 2) }));
    await host.until(log.close());
    ({ log } = await openLog(host, settings));
    expect(log.group(1)).toMatchObject({ replica: first, isEnded: false, lastIndex: 3, isDamaged: false });
    // The one that began last ends under its own id.
    await host.until(end(log, 1, first));
    await host.until(log.close());
    ({ log } = await openLog(host, settings));
    expectNothing(log, 1, first, true);
    // One that never began, after all, is gone as well.
    await host.until(end(log, 1, second));
    await host.until(log.close());
    ({ log } = await openLog(host, settings));
    expectNothing(log, 1, second, true);
    expect(() => log.beginReplica(1, second, () => {})).toThrow(AssertionFailure);
    await host.until(log.close());
    await host.close();
  },
);

test("in memory a group ends, too", async () => {
  const host = new SimulatedHost();
  const log = new MemoryLog({ clock: host.platform.clock });
  await host.until(fill(log, 1));
  await host.until(end(log, 1, 3));
  expectNothing(log, 1, 3, true);
  const nothing = { entries: entries(1, 1, 1), hardState: undefined, snapshot: undefined };
  expect(() => log.append(1, nothing, () => {})).toThrow(AssertionFailure);
  expect(() => log.endReplica(1, 3, () => {})).toThrow(AssertionFailure);
  expect(() => log.beginReplica(1, 3, () => {})).toThrow(AssertionFailure);
  await host.until(begin(log, 1, first));
  expectNothing(log, 1, first);
});

test("a group ends once, no lower than the replica that it has, and nothing is appended behind it [M-10]", async () => {
  const host = new SimulatedHost();
  const { log } = await openLog(host, settings);
  await host.until(begin(log, 1, second));
  expect(() => log.endReplica(1, first, () => {})).toThrow(AssertionFailure);
  log.endReplica(1, second, () => {});
  const nothing = { entries: entries(1, 1, 1), hardState: undefined, snapshot: undefined };
  expect(() => log.append(1, nothing, () => {})).toThrow(AssertionFailure);
  log.flush();
  await host.run(50);
  expect(() => log.append(1, nothing, () => {})).toThrow(AssertionFailure);
  expect(() => log.endReplica(1, second, () => {})).toThrow(AssertionFailure);
  expect(() => log.beginReplica(1, second, () => {})).toThrow(AssertionFailure);
  await host.until(begin(log, 1, second + 1));
  expectNothing(log, 1, second + 1);
});

test("what is still on its way to the disk when a group ends goes before it, and its segments are given up [M-10]", async () => {
  const host = new SimulatedHost();
  let { log } = await openLog(host, { ...settings, segmentBytes: 16_384 });
  for (let round = 0; round < 10; round++)
    await host.until(write(log, 1, { entries: entries(round + 1, round + 1, 1, 9_000) }));
  expect(host.files().has("000000000001.segment")).toBe(true);
  let isDurable = false;
  log.append(1, { entries: entries(11, 20, 1, 100), hardState: hardState(1, 1, 5), snapshot: undefined }, () => {
    isDurable = true;
  });
  await host.until(end(log, 1, 2));
  expect(isDurable).toBe(true);
  expectNothing(log, 1, 2, true);
  // The header of a later segment frees them.
  for (let round = 0; round < 3; round++)
    await host.until(write(log, 2, { entries: entries(round + 1, round + 1, 1, 9_000) }));
  await host.run(1_000);
  expect(host.files().has("000000000001.segment")).toBe(false);
  await host.until(log.close());
  ({ log } = await openLog(host, settings));
  expectNothing(log, 1, 2, true);
  expect(log.group(2)).toMatchObject({ lastIndex: 3, isDamaged: false });
});

test("wherever a crash comes a group has ended, or is as it was; once it is said to have ended, it has [M-10, O-1]", async () => {
  const outcomes = new Set<string>();
  await crashAtEachCall({
    settings,
    prepare: async (log) => {
      await fill(log, 1);
      await write(log, 2, { entries: entries(1, 3, 1) });
    },
    change: (log) => end(log, 1, 3),
    check: (log, isDone) => {
      const group = log.group(1);
      const outcome = group.isEnded ? "ended" : `there, up to ${group.lastIndex}, snapshot ${group.snapshot?.index}`;
      outcomes.add(outcome);
      if (isDone) expect(outcome).toBe("ended");
      if (group.isEnded) expectNothing(log, 1, 3, true);
      expect(group.isDamaged).toBe(false);
      expect(log.group(2)).toMatchObject({ lastIndex: 3, isDamaged: false });
    },
  });
  expect([...outcomes].sort()).toEqual(["ended", "there, up to 10, snapshot 8"]);
});

test("no id is used twice, and nothing is appended before the beginning is durable [C-4, O-1]", async () => {
  const host = new SimulatedHost();
  const { log } = await openLog(host, settings);
  await host.until(begin(log, 1, second));
  for (const replica of [0, first, second]) {
    expect(() => log.beginReplica(1, replica, () => {})).toThrow(AssertionFailure);
  }
  log.beginReplica(1, second + 1, () => {});
  expect(() =>
    log.append(1, { entries: entries(1, 1, 1), hardState: undefined, snapshot: undefined }, () => {}),
  ).toThrow(AssertionFailure);
});

test("a snapshot of the index that the one before had is received and kept", async () => {
  const host = new SimulatedHost();
  let { log } = await openLog(host, settings);
  await host.until(fill(log, 1));
  const reader = log.openSnapshot(1);
  await host.until(begin(log, 1, first));
  const writer = log.receiveSnapshot(1, meta(8, 4));
  await host.until(writeSnapshot(writer, new Uint8Array(2_000)));
  await host.until(
    new Promise<void>((resolve) => {
      const snapshot = { ...meta(8, 4), data: new Uint8Array(0) };
      log.append(1, { entries: [], hardState: hardState(5, undefined, 8), snapshot }, resolve);
      log.flush();
    }),
  );
  await host.until(reader?.close() ?? Promise.resolve());
  expect(log.group(1).snapshot).toMatchObject({ index: 8, sizeBytes: 2_000 });
  await host.until(log.close());
  ({ log } = await openLog(host, settings));
  expect(log.group(1)).toMatchObject({ replica: first, firstIndex: 9, isDamaged: false });
  expect(log.group(1).snapshot).toMatchObject({ index: 8, sizeBytes: 2_000 });
});

test("a snapshot of the replica before that is still being written comes to nothing", async () => {
  const host = new SimulatedHost();
  let { log } = await openLog(host, settings);
  await host.until(fill(log, 1));
  const made = log.createSnapshot(1, meta(9, 4));
  const received = log.receiveSnapshot(1, meta(20, 5));
  await host.until(begin(log, 1, first));
  await host.until(writeSnapshot(made, new Uint8Array(3_000)));
  await host.until(writeSnapshot(received, new Uint8Array(3_000)));
  expectNothing(log, 1, first);
  await host.until(log.close());
  ({ log } = await openLog(host, settings));
  expectNothing(log, 1, first);
  expect([...host.files().keys()].filter((name) => name.includes("snapshot"))).toEqual([]);
});

test("headers of segments repeat whose log it is, when the record has long been given up", async () => {
  const host = new SimulatedHost();
  let { log } = await openLog(host, { ...settings, segmentBytes: 16_384 });
  await host.until(begin(log, 1, first));
  for (let round = 0; round < 20; round++) {
    await host.until(
      write(log, 1, { entries: entries(round + 1, round + 1, 1, 9_000), hardState: hardState(1, 1, round) }),
    );
  }
  await host.until(writeSnapshot(log.createSnapshot(1, meta(19, 1)), new Uint8Array(100)));
  log.compact(1, 19);
  for (let round = 20; round < 40; round++) {
    await host.until(write(log, 1, { entries: entries(round + 1, round + 1, 1, 9_000) }));
  }
  expect(host.files().has("000000000001.segment")).toBe(false);
  await host.until(log.close());
  ({ log } = await openLog(host, settings));
  expect(log.group(1)).toMatchObject({ replica: first, lastIndex: 40, isDamaged: false });
});

/** Opens a log, harmed by `harm`, of which group 1 was made damaged before; then it is to begin anew. */
async function damaged(): Promise<{ readonly host: SimulatedHost; readonly log: Log }> {
  const host = new SimulatedHost();
  const { log } = await openLog(host, settings);
  await host.until(write(log, 1, { entries: entries(1, 3, 1), hardState: hardState(1, 1) }));
  await host.until(write(log, 2, { entries: entries(1, 3, 1) }));
  await host.until(log.close());
  await host.patch("000000000001.segment", (bytes) => {
    const [batch] = batchesIn(bytes, 1);
    if (batch !== undefined) bytes[batch.offset + 200] = 0xff ^ (bytes[batch.offset + 200] ?? 0);
  });
  const opened = await openLog(host, settings);
  expect(opened.log.group(1).isDamaged).toBe(true);
  expect(opened.log.group(2).isDamaged).toBe(false);
  return { host, log: opened.log };
}

describe("of a damaged group", () => {
  test("it is whole, its old segments are given up, and so it stays [D-3]", async () => {
    let { host, log } = await damaged();
    await host.until(begin(log, 1, first));
    expectNothing(log, 1, first);
    await host.until(write(log, 1, { entries: entries(1, 2, 9), hardState: hardState(9, 3) }));
    for (let starts = 0; starts < 3; starts++) {
      await host.until(log.close());
      ({ log } = await openLog(host, settings));
      expect(log.group(1)).toMatchObject({ replica: first, lastIndex: 2, isDamaged: false });
    }
  });

  test("it is damaged until the beginning is durable, wherever a crash comes: never is less remembered [D-3, O-1]", async () => {
    const outcomes = new Set<string>();
    await crashAtEachCall({
      settings,
      host: async () => {
        const { host, log } = await damaged();
        await host.until(log.close());
        return host;
      },
      change: (log) => begin(log, 1, first),
      check: (log, isDone) => {
        const group = log.group(1);
        const outcome = group.isDamaged ? `damaged ${group.replica}` : `begun ${group.replica} ${group.lastIndex}`;
        outcomes.add(outcome);
        if (isDone) expect(outcome).toBe(`begun ${first} 0`);
        expect(log.group(2)).toMatchObject({ lastIndex: 3, isDamaged: false });
      },
    });
    expect([...outcomes].sort()).toEqual([`begun ${first} 0`, "damaged 0"]);
  });

  test.for([{ what: "its body" }, { what: "its header" }])(
    "if the record is lost by $what, it is damaged, and nothing of the replica before comes back [D-3]",
    async ({ what }) => {
      for (const later of ["nothing", "entries", "a segment"] as const) {
        const host = new SimulatedHost();
        let { log } = await openLog(host, { ...settings, idleMarkMs: 1 });
        await host.until(fill(log, 1));
        await host.run(50);
        const segment = log.diskEpoch;
        const before = await host.until(host.platform.disk.readFile(`${directory}/${segmentName(segment)}`));
        const known = new Set(batchesIn(before, segment).map(({ offset }) => offset));
        await host.until(begin(log, 1, first));
        const after = await host.until(host.platform.disk.readFile(`${directory}/${segmentName(segment)}`));
        const batch = batchesIn(after, segment).find(({ offset }) => !known.has(offset));
        if (later !== "nothing")
          await host.until(write(log, 1, { entries: entries(1, 4, 2), hardState: hardState(2, 1, 1) }));
        await host.run(50);
        await host.until(log.close());
        if (later === "a segment") {
          ({ log } = await openLog(host, settings));
          await host.until(log.close());
        }
        const at = (batch?.offset ?? 0) + (what === "its header" ? 20 : 64 + 48 + 4);
        await host.patch(segmentName(segment), (bytes) => {
          bytes[at] = 0xff ^ (bytes[at] ?? 0);
        });
        ({ log } = await openLog(host, settings));
        expect([later, log.group(1).isDamaged]).toEqual([later, true]);
        if (later === "a segment") expect(log.group(1).replica).toBe(first);
        await host.until(begin(log, 1, second));
        expectNothing(log, 1, second);
        await host.until(log.close());
        ({ log } = await openLog(host, settings));
        expectNothing(log, 1, second);
      }
    },
  );
});

test.for([
  { what: "its body", later: "nothing", outcome: "damaged" },
  { what: "its header", later: "nothing", outcome: "damaged" },
  { what: "its body", later: "a segment", outcome: "ended" },
  { what: "its header", later: "a segment", outcome: "ended" },
])(
  "if the record of an end is lost by $what and behind it comes $later, the group is $outcome, and nothing comes back [M-10]",
  async ({ what, later, outcome }) => {
    const host = new SimulatedHost();
    let { log } = await openLog(host, { ...settings, idleMarkMs: 1 });
    await host.until(fill(log, 1));
    await host.run(50);
    const segment = log.diskEpoch;
    const before = await host.until(host.platform.disk.readFile(`${directory}/${segmentName(segment)}`));
    const known = new Set(batchesIn(before, segment).map(({ offset }) => offset));
    await host.until(end(log, 1, 3));
    const after = await host.until(host.platform.disk.readFile(`${directory}/${segmentName(segment)}`));
    const batch = batchesIn(after, segment).find(({ offset }) => !known.has(offset));
    await host.run(50);
    await host.until(log.close());
    if (later === "a segment") {
      ({ log } = await openLog(host, settings));
      await host.until(log.close());
    }
    const at = (batch?.offset ?? 0) + (what === "its header" ? 20 : 64 + 48 + 4);
    const files = host.files();
    if (files.has(segmentName(segment))) {
      await host.patch(segmentName(segment), (bytes) => {
        bytes[at] = 0xff ^ (bytes[at] ?? 0);
      });
    }
    ({ log } = await openLog(host, settings));
    const group = log.group(1);
    expect(group.isEnded && !group.isDamaged ? "ended" : group.isDamaged ? "damaged" : "there").toBe(outcome);
    // The damage ends as any replica's.
    if (outcome === "damaged") await host.until(end(log, 1, 3));
    expectNothing(log, 1, 3, true);
    await host.until(begin(log, 1, second));
    await host.until(log.close());
    ({ log } = await openLog(host, settings));
    expectNothing(log, 1, second);
  },
);

function segmentName(segment: number): string {
  return `${String(segment).padStart(12, "0")}.segment`;
}
