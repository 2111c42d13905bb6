/** One log for all groups: what that saves, and what it must not cost. */
import { expect, test } from "vitest";
import {
  batchesIn,
  entries,
  entry,
  filler,
  hardState,
  openLog,
  plain,
  readAll,
  SimulatedHost,
  write,
} from "../../test/log/fixture.ts";
import type { Entry } from "../raft/index.ts";

const losses = ["everything", "random", "nothing"] as const;
const crashCount = 18;
const [promised, busy] = [1, 2];

test("what many groups append in one turn is one write with one sync [H-1]", async () => {
  const host = new SimulatedHost();
  const { log } = await openLog(host, { idleMarkMs: 60_000 });
  await host.until(write(log, promised, { entries: entries(1, 1, 1) }));
  // The next segment is being made meanwhile.
  await host.run(10_000);
  const before = host.machine.disk.syncCount;
  let durableCount = 0;
  for (let group = 1; group <= 64; group++) {
    const first = group === promised ? 2 : 1;
    log.append(group, { entries: entries(first, 5, 1), hardState: hardState(1, 1), snapshot: undefined }, () => {
      durableCount++;
    });
  }
  log.flush();
  await host.world.runUntil(() => durableCount === 64, 1_000);
  expect([durableCount, host.machine.disk.syncCount - before]).toEqual([64, 1]);
  await host.until(log.close());
});

/** One group is promised something; the other's records come behind it, of all kinds, until the power goes. */
async function crash(loss: (typeof losses)[number], at: number): Promise<{ tornBytes: number; busyCount: number }> {
  const host = new SimulatedHost({ seed: at + 1 });
  const options = { idleMarkMs: 60_000, batchBytesMax: 1_048_576, segmentBytes: 1_048_576 };
  const { log } = await openLog(host, { ...options, bootCounter: 1 });
  await host.until(write(log, promised, { entries: entries(1, 6, 1), hardState: hardState(1, 3, 2) }));
  await host.until(write(log, promised, { entries: entries(5, 9, 2), hardState: hardState(2, 1, 5) }));
  let acknowledged: readonly Entry[] = [];
  const append = (added: readonly Entry[], term: number): void => {
    log.append(busy, { entries: added, hardState: hardState(term, 1), snapshot: undefined }, () => {
      acknowledged = [...acknowledged, ...added];
    });
    log.flush();
  };
  const rows = [
    () => append(entries(1, 20, 1, 500), 1),
    // In several pieces.
    () => append(entries(21, 22, 1, 300_000), 1),
    () => append(entries(23, 41, 2, 3_000), 2),
    () => append([entry(42, 2, filler(200_000, 9))], 2),
  ];
  for (const [place, row] of rows.entries()) host.world.schedule(place * 1.5, row);
  await host.run(at * 0.5);
  host.restart(loss);
  const { log: again, recovery } = await openLog(host, { ...options, bootCounter: 2 });
  const kept = again.group(promised);
  expect(kept.isDamaged).toBe(false);
  expect(kept.hardState).toEqual(hardState(2, 1, kept.hardState.commit));
  expect(plain(await host.until(readAll(again, promised)))).toEqual(plain([...entries(1, 4, 1), ...entries(5, 9, 2)]));
  expect(again.group(busy).isDamaged).toBe(false);
  const found = await host.until(readAll(again, busy));
  expect(plain(found.slice(0, acknowledged.length))).toEqual(plain(acknowledged));
  await host.until(again.close());
  return { tornBytes: recovery.tornBytes, busyCount: acknowledged.length };
}

test.for(losses)(
  "a crash that loses %s keeps what a group was promised, whatever becomes of another's records behind it [H-1]",
  async (loss) => {
    let tornCount = 0;
    const counts = new Set<number>();
    for (let at = 0; at < crashCount; at++) {
      const { tornBytes, busyCount } = await crash(loss, at);
      if (tornBytes > 0) tornCount++;
      counts.add(busyCount);
    }
    // The power went before, between and behind the other's records.
    expect(counts.size).toBeGreaterThanOrEqual(3);
    if (loss === "random") expect(tornCount).toBeGreaterThan(0);
  },
);

test("a batch that rots is the damage of the groups in it, and of no other's records around it [H-1]", async () => {
  const host = new SimulatedHost();
  const { log } = await openLog(host, { idleMarkMs: 60_000, bootCounter: 1 });
  const segment = log.diskEpoch;
  await host.until(write(log, promised, { entries: entries(1, 3, 1), hardState: hardState(1, 1) }));
  await host.until(write(log, busy, { entries: entries(1, 2, 1), hardState: hardState(1, 1) }));
  await host.until(write(log, promised, { entries: entries(4, 5, 1), hardState: hardState(1, 1, 3) }));
  await host.until(write(log, promised, { entries: entries(6, 6, 1) }));
  host.restart("everything");
  const path = [...host.files().keys()].toSorted().find((name) => name.includes(String(segment))) as string;
  await host.patch(path, (bytes) => {
    const place = batchesIn(bytes, segment).at(1)?.offset as number;
    bytes[place + 100] = (bytes[place + 100] as number) ^ 1;
  });
  const { log: again } = await openLog(host, { bootCounter: 2 });
  expect([again.group(promised).isDamaged, again.group(busy).isDamaged]).toEqual([false, true]);
  expect(plain(await host.until(readAll(again, promised)))).toEqual(plain(entries(1, 6, 1)));
  await host.until(again.close());
});
