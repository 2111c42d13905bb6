import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import {
  batchesIn,
  configurationEntry,
  directory,
  entries,
  entry,
  filler,
  hardState,
  identity,
  openLog,
  plain,
  SimulatedHost,
  write,
} from "../../test/log/fixture.ts";
import { type BatchHeader, batchHeaderBytes, decodeBatchHeader, isBatchBody } from "./batch-header.ts";
import { EntryAssembler } from "./entry-assembler.ts";
import { checksumSeed, viewOf } from "./format.ts";
import type { Log } from "./log.ts";
import { decodeConfigurationEntry, RecordCursor } from "./record.ts";

let host: SimulatedHost;
beforeEach(() => {
  host = new SimulatedHost();
});

interface FoundBatch {
  readonly offset: number;
  readonly header: BatchHeader;
  readonly body: Uint8Array;
  readonly padding: Uint8Array;
}

const seed = checksumSeed(identity, 1);

/** What stands in the first segment. */
async function batches(): Promise<readonly FoundBatch[]> {
  const bytes = await host.until(host.platform.disk.readFile(`${directory}/000000000001.segment`));
  return batchesIn(bytes, 1).map(({ offset, bytes: totalBytes }) => {
    const headerBytes = batchHeaderBytes(viewOf(bytes), offset);
    const header = decodeBatchHeader(bytes.subarray(offset, offset + headerBytes), seed, offset) as BatchHeader;
    const bodyStart = offset + headerBytes;
    const body = bytes.subarray(bodyStart, bodyStart + header.bodyBytes);
    return { offset, header, body, padding: bytes.subarray(bodyStart + header.bodyBytes, offset + totalBytes) };
  });
}

function append(log: Log, group: number, records: Parameters<typeof write>[2]): Promise<void> {
  return new Promise((resolve) => {
    const whole = { entries: records.entries ?? [], hardState: records.hardState, snapshot: undefined };
    log.append(group, whole, resolve);
  });
}

describe("a batch", () => {
  test("begins on a block, names groups and ranges, carries the mark, and ends in zeros [D-1]", async () => {
    const { log } = await openLog(host, { idleMarkMs: 1_000_000 });
    await host.until(write(log, 5, { entries: entries(1, 3, 2), hardState: hardState(2, 1) }));
    const all = [
      append(log, 5, { entries: entries(3, 6, 3, 2_000) }),
      append(log, 2, { hardState: hardState(8, undefined) }),
      append(log, 5, { entries: entries(5, 5, 4) }),
    ];
    log.flush();
    await host.until(Promise.all(all));
    // Smaller than the one before it, whose bytes must not show behind it.
    await host.until(write(log, 2, { hardState: hardState(9, undefined) }));
    const [first, second, third] = await batches();
    expect(first?.header).toMatchObject({
      syncMark: { segment: 1, offset: 8_192 },
      groups: [{ group: 5, batchNumber: 1, firstIndex: 1, lastIndex: 3, lastTerm: 2, holdsHardState: true }],
    });
    expect(second?.header).toMatchObject({
      syncMark: { segment: 1, offset: first?.offset === undefined ? 0 : first.offset + 4_096 },
      groups: [
        { group: 5, batchNumber: 2, firstIndex: 3, lastIndex: 5, lastTerm: 4, holdsHardState: false },
        { group: 2, batchNumber: 1, firstIndex: 0, holdsHardState: true, holdsUnfinished: false },
      ],
    });
    for (const { offset, padding, body, header } of [first, second, third] as readonly FoundBatch[]) {
      expect(offset % 4_096).toBe(0);
      expect(padding.every((byte) => byte === 0)).toBe(true);
      expect(isBatchBody(header, body, seed)).toBe(true);
    }
  });

  test("no flipped bit in header or body goes unnoticed, nor another place or segment", async () => {
    const { log } = await openLog(host);
    await host.until(write(log, 1, { entries: entries(1, 2, 1, 20), hardState: hardState(1, 1) }));
    const [batch] = (await batches()) as [FoundBatch];
    const bytes = new Uint8Array(batch.header.headerBytes + batch.header.bodyBytes);
    const whole = await host.until(host.platform.disk.readFile(`${directory}/000000000001.segment`));
    bytes.set(whole.subarray(batch.offset, batch.offset + bytes.length));
    const isWhole = (at = batch.offset, withSeed = seed): boolean => {
      const headerBytes = batchHeaderBytes(viewOf(bytes), 0);
      if (headerBytes === 0 || headerBytes > bytes.length) return false;
      const header = decodeBatchHeader(bytes.subarray(0, headerBytes), withSeed, at);
      return header !== undefined && isBatchBody(header, bytes.subarray(headerBytes), withSeed);
    };
    expect(isWhole()).toBe(true);
    expect([isWhole(batch.offset + 4_096), isWhole(batch.offset, checksumSeed(identity, 2))]).toEqual([false, false]);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(isWhole(), `bit ${bit}`).toBe(false);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    }
  });

  test("is bounded, and large and small sets share it", async () => {
    const { log } = await openLog(host, { idleMarkMs: 1_000_000 });
    const large = [1, 2].map((group) => append(log, group, { entries: entries(1, 1, 1, 500_000) }));
    const small = Array.from({ length: 40 }, (_, place) =>
      append(log, 3, { entries: entries(place + 1, place + 1, 1, 20_000) }),
    );
    log.flush();
    await host.until(Promise.all([...large, ...small]));
    const found = await batches();
    for (const { body } of found) expect(body.length).toBeLessThanOrEqual(1_048_576);
    const withLarge = found.filter(({ header }) => header.groups.some((listed) => listed.group !== 3));
    const withSmall = found.filter(({ header }) => header.groups.some((listed) => listed.group === 3));
    // Neither kind waits until the other is through.
    expect(withLarge[0]).toBe(found[0]);
    expect(withSmall[0]).toBe(found[0]);
    expect(withSmall.length).toBeGreaterThan(1);
    expect(withLarge.length).toBeGreaterThan(1);
    // The two large ones take turns, and end within a batch of each other.
    const ends = [1, 2].map((group) =>
      found.findIndex(({ header }) =>
        header.groups.some((listed) => listed.group === group && listed.firstIndex === 1),
      ),
    ) as [number, number];
    expect(Math.abs(ends[0] - ends[1])).toBeLessThanOrEqual(1);
  });

  test("of a set that is spread over batches only the last names its entries", async () => {
    const { log } = await openLog(host, { idleMarkMs: 1_000_000 });
    await host.until(write(log, 1, { entries: entries(1, 5, 1, 500_000), hardState: hardState(3, 1) }));
    const groups = (await batches()).map(({ header }) => header.groups[0]);
    expect(groups.length).toBeGreaterThan(2);
    for (const listed of groups.slice(0, -1)) {
      expect(listed).toMatchObject({ firstIndex: 0, holdsUnfinished: true, holdsHardState: false });
    }
    expect(groups.at(-1)).toMatchObject({ firstIndex: 1, lastIndex: 5, holdsUnfinished: false, holdsHardState: true });
    expect(groups.map((listed) => listed?.batchNumber)).toEqual(groups.map((_, place) => place + 1));
  });

  test("a set that a crash left unfinished does not mix with the one that follows it", async () => {
    const { log } = await openLog(host, { idleMarkMs: 1_000_000 });
    await host.until(write(log, 1, { entries: entries(1, 1, 1) }));
    void append(log, 1, { entries: entries(2, 3, 1, 1_300_000) });
    log.flush();
    const hasBegun = await host.world.runUntil(() => log.sizeBytes > 1_500_000, 1_000);
    expect(hasBegun).toBe(true);
    expect(log.sizeBytes).toBeLessThan(2_600_000);
    host.restart("everything");
    const again = await openLog(host, { idleMarkMs: 1_000_000 });
    expect(again.recovery.damage).toEqual([]);
    expect(again.log.group(1).lastIndex).toBe(1);
    const other = entries(2, 3, 7, 1_400_000);
    await host.until(write(again.log, 1, { entries: other }));
    host.restart("everything");
    const last = await openLog(host, { cacheBytesPerGroupMax: 10_000_000 });
    expect(last.recovery.groups).toMatchObject([{ group: 1, isDamaged: false }]);
    expect(last.log.group(1).term(3)).toBe(7);
  });
});

describe("records", () => {
  test("bytes that are none end the walk, and never break it", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 3 }), (bytes, slotCount) => {
        const cursor = new RecordCursor();
        cursor.open(bytes, slotCount);
        let count = 0;
        for (let found = cursor.next(); found === "record"; found = cursor.next()) {
          expect(cursor.slot).toBeLessThan(slotCount);
          expect(cursor.dataEnd).toBeLessThanOrEqual(bytes.length);
          count++;
        }
        expect(count).toBeLessThan(200);
        new EntryAssembler().feed(bytes, 0, slotCount);
        decodeConfigurationEntry(bytes, { term: 1, index: 1 });
      }),
    );
  });

  test("entries come back from batches fed in order, whatever their kind", async () => {
    const { log } = await openLog(host);
    const all = [entry(1, 1, ""), configurationEntry(2, 1), entry(3, 2, filler(700_000, 5)), configurationEntry(4, 2)];
    await host.until(write(log, 9, { entries: all, hardState: hardState(2, 1) }));
    const assembler = new EntryAssembler();
    for (const { header, body } of await batches()) {
      const slot = header.groups.findIndex((listed) => listed.group === 9);
      if (slot >= 0) expect(assembler.feed(body, slot, header.groups.length)).toBe(true);
    }
    expect(plain(assembler.entries(1, 4) ?? [])).toEqual(plain(all));
    expect(plain(assembler.entries(2, 3) ?? [])).toEqual(plain(all.slice(1, 3)));
    expect(assembler.entries(4, 5)).toBeUndefined();
  });
});
