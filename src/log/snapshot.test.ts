import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  configuration,
  entries,
  filler,
  type Host,
  hardState,
  install,
  meta,
  nodeHost,
  openLog,
  plain,
  readAll,
  readSnapshot,
  SimulatedHost,
  write,
  writeSnapshot,
} from "../../test/log/fixture.ts";
import { MemoryLog } from "./memory-log.ts";
import type { NodeLog } from "./node-log.ts";

const implementations: readonly {
  readonly name: string;
  readonly host: () => Promise<Host>;
  readonly make: (host: Host) => Promise<NodeLog>;
}[] = [
  { name: "on disk", host: nodeHost, make: async (host) => (await openLog(host)).log },
  {
    name: "on the simulated disk",
    host: () => Promise.resolve(new SimulatedHost()),
    make: async (host) => (await openLog(host)).log,
  },
  {
    name: "in memory",
    host: () => Promise.resolve(new SimulatedHost()),
    make: (host) => Promise.resolve(new MemoryLog({ clock: host.platform.clock })),
  },
];

describe.for(implementations)("the snapshots of a log $name", ({ host: makeHost, make }) => {
  let host: Host;
  let log: NodeLog;
  beforeEach(async () => {
    host = await makeHost();
    log = await make(host);
  });
  afterEach(async () => {
    await host.until(log.close());
    await host.close();
  });

  test.for([0, 1, 65_520, 65_521, 262_144, 4 * 65_520, 700_001])("a stream of %d bytes comes back", async (bytes) => {
    const stream = filler(bytes, 3);
    await host.until(write(log, 1, { entries: entries(1, 9, 1) }));
    expect(log.group(1).snapshot).toBeUndefined();
    expect(log.openSnapshot(1)).toBeUndefined();
    const writer = log.createSnapshot(1, meta(8, 1));
    await host.until(writeSnapshot(writer, stream));
    expect(writer.sizeBytes).toBe(bytes);
    expect(log.group(1).snapshot).toMatchObject({ index: 8, term: 1, configuration, sizeBytes: bytes });
    for (const step of [1_000_000, 65_520, 70_001]) {
      expect(Buffer.compare(await host.until(readSnapshot(log.openSnapshot(1), step)), stream)).toBe(0);
    }
    // Until it is compacted the log stays as it is.
    expect(log.group(1).firstIndex).toBe(1);
    expect(plain(await host.until(readAll(log, 1)))).toEqual(plain(entries(1, 9, 1)));
  });

  test("it is read from any place, also backwards", async () => {
    const stream = filler(200_000, 5);
    await host.until(write(log, 1, { entries: entries(1, 2, 1) }));
    await host.until(writeSnapshot(log.createSnapshot(1, meta(2, 1)), stream));
    const reader = log.openSnapshot(1);
    if (reader === undefined) throw new Error("there is no snapshot");
    for (const [offset, bytesMax] of [
      [199_999, 5],
      [65_519, 2],
      [131_000, 70_000],
      [0, 1],
    ] as const) {
      const part = await host.until(reader.read(offset, bytesMax));
      expect(Buffer.compare(part, stream.subarray(offset, offset + bytesMax))).toBe(0);
    }
    expect(await host.until(reader.read(200_000, 1))).toHaveLength(0);
    expect(await host.until(reader.read(900_000, 1))).toHaveLength(0);
    await host.until(reader.close());
    await host.until(reader.close());
  });

  test("the log is cut where its host says, and goes on behind it [N-6, I-17]", async () => {
    await host.until(write(log, 1, { entries: entries(1, 20, 1), hardState: hardState(2, 3, 12) }));
    await host.until(write(log, 1, { entries: entries(21, 30, 2) }));
    await host.until(writeSnapshot(log.createSnapshot(1, meta(25, 2)), filler(10, 1)));
    log.compact(1, 15);
    const group = log.group(1);
    expect([group.firstIndex, group.lastIndex]).toEqual([16, 30]);
    expect([group.term(15), group.term(20), group.term(21)]).toEqual([1, 1, 2]);
    expect(() => group.term(14)).toThrow("not in the log");
    expect(() => group.entries(15, 17, 10)).toThrow("not in the log");
    log.compact(1, 15);
    log.compact(1, 3);
    expect(group.firstIndex).toBe(16);
    expect(() => log.compact(1, 26)).toThrow("[N-1]");
    log.compact(1, 25);
    expect(plain(await host.until(readAll(log, 1)))).toEqual(plain(entries(26, 30, 2)));
    await host.until(write(log, 1, { entries: entries(29, 31, 5) }));
    expect(plain(await host.until(readAll(log, 1)))).toEqual(plain([...entries(26, 28, 2), ...entries(29, 31, 5)]));
    await host.until(writeSnapshot(log.createSnapshot(1, meta(31, 5)), filler(10, 1)));
    log.compact(1, 31);
    expect([group.firstIndex, group.lastIndex, group.term(31)]).toEqual([32, 31, 5]);
  });

  test("a received one replaces the log, with the entries behind it, in one set [O-3]", async () => {
    const stream = filler(300_000, 9);
    await host.until(write(log, 1, { entries: entries(1, 20, 1), hardState: hardState(1, 3, 12) }));
    const writer = log.receiveSnapshot(1, meta(100, 4));
    await host.until(writeSnapshot(writer, stream));
    expect(log.group(1).snapshot).toBeUndefined();
    expect(log.group(1).lastIndex).toBe(20);

    const snapshot = { ...meta(100, 4), data: new Uint8Array(0) };
    let isDurable = false;
    const done = new Promise<void>((resolve) => {
      log.append(1, { snapshot, entries: entries(101, 103, 5), hardState: hardState(6, 2, 100) }, () => {
        isDurable = true;
        expect(log.group(1).snapshot?.index).toBe(100);
        resolve();
      });
    });
    const group = log.group(1);
    expect([group.firstIndex, group.lastIndex, group.term(100), group.term(103)]).toEqual([101, 103, 4, 5]);
    expect(group.hardState).toEqual(hardState(6, 2, 100));
    expect(isDurable).toBe(false);
    log.flush();
    await host.until(done);
    expect(plain(await host.until(readAll(log, 1)))).toEqual(plain(entries(101, 103, 5)));
    expect(Buffer.compare(await host.until(readSnapshot(log.openSnapshot(1))), stream)).toBe(0);
    // What was written is the log's now.
    await host.until(writer.abort());
    expect(Buffer.compare(await host.until(readSnapshot(log.openSnapshot(1))), stream)).toBe(0);
  });

  test("one that was received and not installed, or aborted, is gone", async () => {
    await host.until(write(log, 1, { entries: entries(1, 20, 1) }));
    const received = log.receiveSnapshot(1, meta(100, 4));
    await host.until(writeSnapshot(received, filler(10, 1)));
    await host.until(received.abort());
    const snapshot = { ...meta(100, 4), data: new Uint8Array(0) };
    const records = { snapshot, entries: [], hardState: undefined };
    expect(() => log.append(1, records, () => {})).toThrow("received before it is installed");
    const made = log.createSnapshot(1, meta(20, 1));
    await host.until(made.write(filler(1_000_000, 1)));
    await host.until(made.abort());
    await host.until(made.abort());
    expect(log.group(1).snapshot).toBeUndefined();
    await expect(host.until(made.write(filler(1, 1)))).rejects.toMatchObject({ code: "SNAPSHOT_NOT_WRITTEN" });
    await expect(host.until(made.commit())).rejects.toMatchObject({ code: "SNAPSHOT_NOT_WRITTEN", group: 1 });
  });

  test("one that was made is dropped when a newer one was installed meanwhile", async () => {
    await host.until(write(log, 1, { entries: entries(1, 20, 1) }));
    const made = log.createSnapshot(1, meta(20, 1));
    await host.until(made.write(filler(1_000, 1)));
    await host.until(install(log, 1, meta(50, 2)));
    await host.until(made.commit());
    expect(log.group(1).snapshot?.index).toBe(50);
    expect(log.group(1).firstIndex).toBe(51);
  });

  test("of several that end at once the newest counts", async () => {
    await host.until(write(log, 1, { entries: entries(1, 30, 1) }));
    const writers = [8, 25, 12, 20].map((index) => log.createSnapshot(1, meta(index, 1)));
    for (const writer of writers) await host.until(writer.write(filler(100, writer.meta.index)));
    await host.until(Promise.all(writers.map((writer) => writer.commit())));
    expect(log.group(1).snapshot?.index).toBe(25);
    const late = log.createSnapshot(1, meta(28, 1));
    await host.until(install(log, 1, meta(40, 2), { stream: filler(500, 40) }));
    await host.until(late.commit());
    expect(log.group(1).snapshot?.index).toBe(40);
    expect(Buffer.compare(await host.until(readSnapshot(log.openSnapshot(1))), filler(500, 40))).toBe(0);
  });

  test("one that is named in the batch that installs a newer one gives way to it", async () => {
    await host.until(write(log, 1, { entries: entries(1, 30, 1) }));
    const stream = filler(500, 40);
    await host.until(writeSnapshot(log.receiveSnapshot(1, meta(40, 2)), stream));
    const made = log.createSnapshot(1, meta(28, 1)).commit();
    const installed = new Promise<void>((resolve) => {
      const snapshot = { ...meta(40, 2), data: new Uint8Array(0) };
      // In whatever order the disk ends them.
      void Promise.resolve().then(() => {
        log.append(1, { snapshot, entries: [], hardState: undefined }, resolve);
        log.flush();
      });
    });
    await host.until(Promise.all([made, installed]));
    expect(log.group(1).snapshot?.index).toBe(40);
    expect(Buffer.compare(await host.until(readSnapshot(log.openSnapshot(1))), stream)).toBe(0);
  });

  test("a reader keeps what it reads, also when a newer one has taken its place", async () => {
    await host.until(write(log, 1, { entries: entries(1, 20, 1) }));
    await host.until(writeSnapshot(log.createSnapshot(1, meta(10, 1)), filler(100_000, 1)));
    const reader = log.openSnapshot(1);
    await host.until(writeSnapshot(log.createSnapshot(1, meta(20, 1)), filler(100_000, 2)));
    expect(reader?.snapshot.index).toBe(10);
    expect(Buffer.compare(await host.until(readSnapshot(reader)), filler(100_000, 1))).toBe(0);
    expect(Buffer.compare(await host.until(readSnapshot(log.openSnapshot(1))), filler(100_000, 2))).toBe(0);
  });

  test("what would break it is a bug of the caller, and asserted", async () => {
    await host.until(write(log, 1, { entries: entries(1, 20, 1) }));
    expect(() => log.createSnapshot(1, meta(21, 1))).toThrow("ends with an entry of the log");
    expect(() => log.createSnapshot(1, meta(20, 2))).toThrow("has the term of the entry");
    await host.until(writeSnapshot(log.createSnapshot(1, meta(10, 1)), filler(1, 1)));
    expect(() => log.createSnapshot(1, meta(10, 1))).toThrow("newer than the one before");
    const writer = log.createSnapshot(1, meta(11, 1));
    await host.until(writer.commit());
    expect(() => writer.commit()).toThrow("committed once");
  });
});
