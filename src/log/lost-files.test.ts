/** Segments that are gone, or of which nothing can be read: damage where the rest tells whose, a refusal where it does not. */
import { beforeEach, expect, test } from "vitest";
import { directory, entries, openLog, plain, readAll, SimulatedHost, write } from "../../test/log/fixture.ts";
import type { Log, LogRecovery } from "./log.ts";

const first = "000000000001.segment";

let host: SimulatedHost;
beforeEach(() => {
  host = new SimulatedHost();
});

function open(options = {}): Promise<{ readonly log: Log; readonly recovery: LogRecovery }> {
  return openLog(host, { idleMarkMs: 1_000_000, ...options });
}

function damaged(recovery: LogRecovery): readonly number[] {
  return recovery.groups.filter((group) => group.isDamaged).map((group) => group.group);
}

/** Segments 1 to 3 or more; group 1 has entries in all of them, group 2 in the first alone. */
async function segments(): Promise<readonly string[]> {
  const { log } = await open({ segmentBytes: 16_384 });
  await host.until(write(log, 2, { entries: entries(1, 1, 1) }));
  for (let index = 1; index <= 20; index++)
    await host.until(write(log, 1, { entries: entries(index, index, 1, 3_000) }));
  expect(log.diskEpoch).toBeGreaterThanOrEqual(3);
  await host.until(log.close());
  return [...host.files().keys()].filter((name) => name.endsWith(".segment")).sort();
}

test("a lost segment is damage of the groups that had records in it", async () => {
  const names = await segments();
  host.machine.disk.loseFile(`${directory}/${names[1]}`);
  const { log, recovery } = await open();
  expect(damaged(recovery)).toEqual([1]);
  expect(recovery.mayMissGroups).toBe(false);
  expect(plain(await host.until(readAll(log, 2)))).toEqual(plain(entries(1, 1, 1)));
});

test("the first segment lost: the later headers know all groups", async () => {
  const names = await segments();
  host.machine.disk.loseFile(`${directory}/${names[0]}`);
  const { recovery } = await open();
  expect(damaged(recovery)).toEqual([1, 2]);
  expect(recovery.mayMissGroups).toBe(false);
});

test("the newest segment lost: refused, as far as anything remembers it [D-10]", async () => {
  const { log } = await open({ segmentBytes: 16_384 });
  const name = (segment: number): string => `${String(segment).padStart(12, "0")}.segment`;
  for (let index = 1; log.diskEpoch < 3 || !host.files().has(name(log.diskEpoch + 1)); index++) {
    await host.until(write(log, 1, { entries: entries(index, index, 1, 3_000) }));
  }
  host.restart();
  // The segment prepared behind it proves that it was begun.
  host.machine.disk.loseFile(`${directory}/${name(log.diskEpoch)}`);
  await expect(open()).rejects.toMatchObject({ code: "LOG_LOST" });
  host.machine.disk.loseFile(`${directory}/${name(log.diskEpoch + 1)}`);
  await expect(open({ diskEpochSeen: log.diskEpoch })).rejects.toMatchObject({ code: "LOG_LOST" });
});

test("an empty directory where a log has been is refused [M-11]", async () => {
  await expect(open({ diskEpochSeen: 1 })).rejects.toMatchObject({ code: "LOG_LOST" });
  expect((await open({ diskEpochSeen: 0 })).log.diskEpoch).toBe(1);
});

test("segments of which no header can be read are refused", async () => {
  const { log } = await open();
  await host.until(write(log, 1, { entries: entries(1, 2, 1) }));
  host.restart();
  await host.patch(first, (bytes) => bytes.fill(0));
  await expect(open()).rejects.toMatchObject({ code: "LOG_LOST" });
});

test("a segment cut short is damage", async () => {
  const names = await segments();
  const path = `${directory}/${names[1]}`;
  const file = await host.until(host.platform.disk.open(path, "write"));
  await host.until(file.truncate(12_288));
  await host.until(file.close());
  const { recovery } = await open();
  expect(damaged(recovery)).toContain(1);
});
