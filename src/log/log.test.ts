import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  configurationEntry,
  entries,
  entry,
  filler,
  type Host,
  hardState,
  hosts,
  openLog,
  plain,
  readAll,
  write,
} from "../../test/log/fixture.ts";
import type { Log } from "./log.ts";

describe.for(hosts)("the log $name", ({ make }) => {
  let host: Host;
  beforeEach(async () => {
    host = await make();
  });
  afterEach(() => host.close());

  test("what was written is there after a restart, for every group [I-12, O-3]", async () => {
    const { log, recovery } = await openLog(host);
    expect(recovery).toMatchObject({ groups: [], diskEpoch: 1, tornBytes: 0, rewrittenBytes: 0 });
    await host.until(write(log, 1, { entries: entries(1, 3, 1), hardState: hardState(1, 2, 0) }));
    await host.until(write(log, 2, { entries: [configurationEntry(1, 4)], hardState: hardState(4, undefined, 1) }));
    await host.until(write(log, 1, { entries: entries(4, 4, 2), hardState: hardState(2, 9, 3) }));
    await host.until(log.close());

    const again = await openLog(host);
    expect(again.recovery).toMatchObject({
      groups: [
        { group: 1, hardState: { term: 2, vote: 9, commit: 3 }, isDamaged: false },
        { group: 2, hardState: { term: 4, vote: undefined, commit: 1 }, isDamaged: false },
      ],
      mayMissGroups: false,
      diskEpoch: 2,
      tornBytes: 0,
      damage: [],
    });
    const found = await host.until(readAll(again.log, 1));
    expect(plain(found)).toEqual(plain([...entries(1, 3, 1), entry(4, 2)]));
    expect(await host.until(readAll(again.log, 2))).toEqual([configurationEntry(1, 4)]);
    expect([1, 3, 4].map((index) => again.log.group(1).term(index))).toEqual([1, 1, 2]);
    await host.until(again.log.close());
  });

  test("which entries change the configuration is known after a restart without reading them [M-8]", async () => {
    const { log } = await openLog(host);
    const both = [entry(1, 1), configurationEntry(2, 1), entry(3, 1), configurationEntry(4, 1)];
    await host.until(write(log, 1, { entries: both }));
    expect([log.group(1).hasConfiguration?.(3, 4), log.group(1).hasConfiguration?.(3, 3)]).toEqual([true, false]);
    await host.until(write(log, 1, { entries: entries(4, 5, 2) }));
    await host.until(log.close());
    const again = await openLog(host);
    const group = again.log.group(1);
    expect([1, 2, 3, 4, 5].filter((index) => group.hasConfiguration?.(index, index))).toEqual([2]);
    await host.until(again.log.close());
  });

  test("an entry discards every entry at and above its index [O-4]", async () => {
    const { log } = await openLog(host);
    await host.until(write(log, 1, { entries: entries(1, 6, 1) }));
    await host.until(write(log, 1, { entries: entries(4, 4, 3) }));
    expect(log.group(1).lastIndex).toBe(4);
    await host.until(log.close());
    const again = await openLog(host);
    expect(plain(await host.until(readAll(again.log, 1)))).toEqual(plain([...entries(1, 3, 1), entry(4, 3)]));
    expect(again.log.group(1).term(4)).toBe(3);
    await host.until(again.log.close());
  });

  test("everything queued in a turn is one batch, and callbacks come in order", async () => {
    const { log } = await openLog(host);
    const order: string[] = [];
    const startBytes = log.sizeBytes;
    const last = new Promise<void>((resolve) => {
      for (const [place, group] of [1, 2, 3, 1].entries()) {
        const records = { entries: [entry(place === 3 ? 2 : 1, 1)], hardState: undefined, snapshot: undefined };
        log.append(group, records, () => {
          order.push(`${group}`);
          if (place === 3) resolve();
        });
      }
      expect(order).toEqual([]);
      log.flush();
      expect(order).toEqual([]);
    });
    await host.until(last);
    expect(order).toEqual(["1", "2", "3", "1"]);
    expect(log.sizeBytes - startBytes).toBe(4_096);
    await host.until(log.close());
  });

  test("what is appended can be read at once; what has left memory is fetched by itself", async () => {
    const { log } = await openLog(host, { cacheBytesPerGroupMax: 2_000, fetchBytes: 8_192 });
    const group = log.group(1);
    const writing = write(log, 1, { entries: entries(1, 100, 1, 100) });
    expect(group.entries(1, 101, 1e9)).toHaveLength(100);
    await host.until(writing);
    for (let index = 101; index < 200; index++)
      await host.until(write(log, 1, { entries: entries(index, index, 2, 100) }));
    expect(group.entries(1, 3, 1e9)).toBe("unavailable");
    const found = await host.until(readAll(log, 1));
    expect(plain(found)).toEqual(plain([...entries(1, 100, 1, 100), ...entries(101, 199, 2, 100)]));
    expect(group.entries(199, 200, 0)).toHaveLength(1);
    await host.until(log.close());
  });

  test("a replica that leads keeps four times as much of its newest entries in memory", async () => {
    const { log } = await openLog(host, { cacheBytesPerGroupMax: 10_000 });
    const keptAfter = async (group: number, isLeading: boolean): Promise<number> => {
      log.group(group).setLeading(isLeading);
      for (let index = 1; index <= 100; index++)
        await host.until(write(log, group, { entries: entries(index, index, 1, 72) }));
      let from = 100;
      while (from > 1 && log.group(group).entries(from - 1, from, 1e9) !== "unavailable") from--;
      return 101 - from;
    };
    expect([await keptAfter(1, true), await keptAfter(2, false)]).toEqual([50, 12]);
    await host.until(log.close());
  });

  test("large entries come back whole, and small ones of other groups pass them", async () => {
    const { log } = await openLog(host, { cacheBytesPerGroupMax: 1_000 });
    const order: string[] = [];
    const append = (group: number, index: number, bytes: number, name: string): Promise<void> =>
      new Promise((resolve) => {
        const records = { entries: entries(index, index, 1, bytes), hardState: hardState(1, 1), snapshot: undefined };
        log.append(group, records, () => {
          order.push(name);
          resolve();
        });
      });
    const all = [append(1, 1, 3_000_000, "large"), append(1, 2, 10, "behind it"), append(2, 1, 10, "another group's")];
    log.flush();
    await host.until(Promise.all(all));
    expect(order).toEqual(["another group's", "large", "behind it"]);
    const wanted = plain([...entries(1, 1, 1, 3_000_000), ...entries(2, 2, 1, 10)]);
    expect(plain(await host.until(readAll(log, 1)))).toEqual(wanted);
    await host.until(log.close());
    const again = await openLog(host);
    expect(plain(await host.until(readAll(again.log, 1)))).toEqual(wanted);
    await host.until(again.log.close());
  });

  test("segments follow each other, and the disk epoch rises with them [D-1, D-10]", async () => {
    const options = { segmentBytes: 65_536, cacheBytesPerGroupMax: 4_096 };
    const { log } = await openLog(host, options);
    // A disk that is slow to make a segment has more go into the last one.
    let rounds = 0;
    for (; rounds < 60 || log.diskEpoch <= 3; rounds++) {
      for (const group of [1, 2]) {
        await host.until(write(log, group, { entries: entries(rounds + 1, rounds + 1, 1, 3_000) }));
      }
    }
    const epoch = log.diskEpoch;
    expect(log.sizeBytes).toBeGreaterThan(120 * 4_096);
    const sizeBytes = log.sizeBytes;
    await host.until(log.close());
    const again = await openLog(host, options);
    expect(again.log.diskEpoch).toBeGreaterThan(epoch);
    expect(again.log.sizeBytes).toBeGreaterThanOrEqual(sizeBytes);
    for (const group of [1, 2]) {
      expect(plain(await host.until(readAll(again.log, group)))).toEqual(plain(entries(1, rounds, 1, 3_000)));
    }
    await host.until(again.log.close());
  });

  test("a new commit index alone costs no sync, and its callback does not wait", async () => {
    const { log } = await openLog(host, { idleMarkMs: 1_000_000 });
    await host.until(write(log, 1, { entries: entries(1, 5, 1), hardState: hardState(1, 1, 0) }));
    const bytes = log.sizeBytes;
    let isDone = false;
    for (const commit of [3, 4, 5]) {
      log.append(1, { entries: [], hardState: hardState(1, 1, commit), snapshot: undefined }, () => {
        isDone = true;
      });
    }
    expect(isDone).toBe(false);
    log.flush();
    expect(isDone).toBe(true);
    expect(log.sizeBytes).toBe(bytes);
    expect(log.group(1).hardState.commit).toBe(5);
    await host.until(log.close());
    const again = await openLog(host);
    expect(again.recovery.groups[0]?.hardState.commit).toBe(5);
    await host.until(again.log.close());
  });

  test("closing writes what is queued, and closes once", async () => {
    const { log } = await openLog(host);
    log.append(1, { entries: entries(1, 3, 1, 400_000), hardState: undefined, snapshot: undefined }, () => {});
    await host.until(Promise.all([log.close(), log.close()]));
    const again: { readonly log: Log } = await openLog(host);
    expect(again.log.group(1).lastIndex).toBe(3);
    await host.until(again.log.close());
  });

  test("entries of all sizes come back as they were", async () => {
    const { log } = await openLog(host, { cacheBytesPerGroupMax: 0 });
    const sizes = [0, 1, 4_063, 4_064, 4_065, 262_143, 262_144, 262_145, 524_288, 0, 1_048_576, 7];
    const all = sizes.map((bytes, place) => entry(place + 1, 1, filler(bytes, place)));
    const written = all.map((one) => write(log, 1, { entries: [one] }));
    await host.until(Promise.all(written));
    expect(plain(await host.until(readAll(log, 1)))).toEqual(plain(all));
    await host.until(log.close());
    const again = await openLog(host);
    expect(plain(await host.until(readAll(again.log, 1)))).toEqual(plain(all));
    await host.until(again.log.close());
  });
});
