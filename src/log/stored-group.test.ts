import { beforeEach, expect, test } from "vitest";
import { entries, entry, openLog, plain, readAll, SimulatedHost, write } from "../../test/log/fixture.ts";
import type { GroupLog } from "./group-log.ts";
import type { Log } from "./log.ts";

let host: SimulatedHost;
let log: Log;
let group: GroupLog;

/** A hundred entries of a kilobyte, one in a batch, of which memory holds none. */
beforeEach(async () => {
  host = new SimulatedHost();
  log = (await openLog(host, { cacheBytesPerGroupMax: 0, fetchBytes: 40_960, idleMarkMs: 1_000_000 })).log;
  group = log.group(1);
  for (let index = 1; index <= 100; index++)
    await host.until(write(log, 1, { entries: entries(index, index, 1, 1_000) }));
});

function available(): Promise<void> {
  return new Promise((resolve) => group.onAvailable(resolve));
}

test("what is fetched comes with what follows it, and the next stretch is fetched ahead", async () => {
  expect(group.entries(1, 101, 1e9)).toBe("unavailable");
  await host.until(available());
  const first = group.entries(1, 101, 1e9);
  expect(first.length).toBe(10);
  // That there was no more set off the fetch of what follows.
  await host.until(available());
  expect(group.entries(11, 101, 1e9).length).toBe(10);
});

test("a cut while the entries are being read does not bring the old ones back [O-4]", async () => {
  expect(group.entries(95, 101, 1e9)).toBe("unavailable");
  const isAvailable = available();
  log.append(1, { entries: [entry(97, 5)], hardState: undefined, snapshot: undefined }, () => {});
  await host.until(isAvailable);
  expect(plain(group.entries(95, 98, 1e9) as never)).toEqual(plain([...entries(95, 96, 1, 1_000), entry(97, 5)]));
  // Also not once the new one has left memory.
  log.flush();
  await host.run(100);
  expect(plain((await host.until(readAll(log, 1))).slice(-2))).toEqual(
    plain([...entries(96, 96, 1, 1_000), entry(97, 5)]),
  );
});

test("a cut drops what had been read back above it [O-4]", async () => {
  await host.until(readAll(log, 1));
  await host.until(write(log, 1, { entries: [entry(92, 2)] }));
  expect(group.lastIndex).toBe(92);
  await host.until(write(log, 1, { entries: entries(93, 99, 2, 10) }));
  expect(plain((await host.until(readAll(log, 1))).slice(90))).toEqual(
    plain([...entries(91, 91, 1, 1_000), entry(92, 2), ...entries(93, 99, 2, 10)]),
  );
});

test("readers at many places all come through", async () => {
  const found: number[] = [];
  const starts = Array.from({ length: 20 }, (_, place) => place * 5 + 1);
  const ask = (): void => {
    for (const start of starts) {
      if (found.includes(start)) continue;
      const got = group.entries(start, start + 1, 1e9);
      if (got !== "unavailable") found.push(start);
    }
  };
  group.onAvailable(ask);
  ask();
  expect(await host.world.runUntil(() => found.length === starts.length, 10_000)).toBe(true);
});

test("a read error of the disk that passes is none, one that stays is damage [D-8]", async () => {
  host.machine.disk.inject({ operation: "read", code: "EIO", count: 2 });
  expect((await host.until(readAll(log, 1))).length).toBe(100);
  const damage = new Promise<unknown>((resolve) => log.onDamage(resolve));
  host.machine.disk.inject({ operation: "read", code: "EIO", count: Number.POSITIVE_INFINITY });
  expect(group.entries(1, 2, 1)).toBe("unavailable");
  expect(await host.until(damage)).toMatchObject({ code: "LOG_DAMAGED", group: 1 });
});

test.for(["EMFILE", "ENOSPC", "EAGAIN"])("%s while a file is opened passes, however often it comes", async (code) => {
  host.machine.disk.inject({ operation: "open", code, count: 30 });
  expect((await host.until(readAll(log, 1))).length).toBe(100);
  expect(group.isDamaged).toBe(false);
});

test("closing waits for what is being read", async () => {
  expect(group.entries(1, 2, 1)).toBe("unavailable");
  await host.until(log.close());
  await host.run(100);
  expect(group.isDamaged).toBe(false);
});
