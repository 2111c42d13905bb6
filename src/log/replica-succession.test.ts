/**
 * A group that begins as another replica with a state of its own: nothing of the one before stays, and at no moment is
 * there neither.
 */
import { expect, test } from "vitest";
import { crashAtEachCall } from "../../test/log/crash-at-each-call.ts";
import {
  batchesIn,
  entries,
  filler,
  hardState,
  hosts,
  meta,
  openLog,
  plain,
  readAll,
  readSnapshot,
  SimulatedHost,
  write,
  writeSnapshot,
} from "../../test/log/fixture.ts";
import { AssertionFailure } from "../platform/index.ts";
import type { Log } from "./log.ts";
import type { NodeLog } from "./node-log.ts";

const settings = { segmentBytes: 65_536, freeBytesMin: 0, idleMarkMs: 20 };
const heir = 65_539;
const stream = filler(300_000, 5);

/** Ten entries, a snapshot, and the log cut behind it. */
async function fill(log: NodeLog, group: number): Promise<void> {
  await write(log, group, { entries: entries(1, 10, 4, 100), hardState: hardState(5, 2, 9) });
  await writeSnapshot(log.createSnapshot(group, meta(8, 4)), new Uint8Array(1_000));
  log.compact(group, 6);
}

function begin(log: Log, group: number): Promise<void> {
  return new Promise((resolve) => {
    const state = { snapshot: { index: 20, term: 9 }, hardState: hardState(9, undefined, 20) };
    log.beginReplicaWith(group, heir, state, resolve);
    log.flush();
  });
}

async function succeed(log: Log, group: number): Promise<void> {
  await writeSnapshot(log.prepareBeginning(group, meta(20, 9)), stream);
  await begin(log, group);
}

function expectHeir(log: NodeLog, group: number): void {
  const found = log.group(group);
  expect(found).toMatchObject({ replica: heir, isEnded: false, firstIndex: 21, lastIndex: 20, isDamaged: false });
  expect(found.hardState).toEqual(hardState(9, undefined, 20));
  expect(found.snapshot).toMatchObject({ ...meta(20, 9), sizeBytes: stream.length });
}

function expectFirst(log: NodeLog, group: number): void {
  expect(log.group(group)).toMatchObject({ replica: 0, lastIndex: 10, isDamaged: false });
  expect(log.group(group).snapshot?.index).toBe(8);
}

test.for(hosts)("it has its state from the beginning, now and after a start: $name [M-10]", async ({ make }) => {
  const host = await make();
  let { log } = await openLog(host, settings);
  await host.until(fill(log, 1));
  await host.until(fill(log, 2));
  await host.until(succeed(log, 1));
  for (let starts = 0; starts < 3; starts++) {
    expectHeir(log, 1);
    expect(Buffer.compare(await host.until(readSnapshot(log.openSnapshot(1))), stream)).toBe(0);
    expectFirst(log, 2);
    await host.until(log.close());
    ({ log } = await openLog(host, settings));
  }
  await host.until(write(log, 1, { entries: entries(21, 23, 10), hardState: hardState(10, heir, 22) }));
  await host.until(log.close());
  ({ log } = await openLog(host, settings));
  expect(plain(await host.until(readAll(log, 1)))).toEqual(plain(entries(21, 23, 10)));
  expect(() =>
    log.beginReplicaWith(1, heir, { snapshot: { index: 30, term: 11 }, hardState: hardState(11, undefined) }, () => {}),
  ).toThrow(AssertionFailure);
  await host.until(log.close());
  await host.close();
});

test("the file of the snapshot before is gone, and that of a beginning that never came goes with the next start", async () => {
  const host = new SimulatedHost();
  let { log } = await openLog(host, settings);
  await host.until(fill(log, 1));
  await host.until(writeSnapshot(log.prepareBeginning(1, meta(20, 9)), stream));
  await host.until(log.close());
  expect(snapshotsOf(host)).toHaveLength(2);
  ({ log } = await openLog(host, settings));
  expectFirst(log, 1);
  expect(snapshotsOf(host)).toHaveLength(1);
  await host.until(succeed(log, 1));
  expect(snapshotsOf(host)).toHaveLength(1);
  await host.until(log.close());
});

test("after a crash at any step there is either all of the replica before or all of the new one [N-1, N-3]", async () => {
  const found = new Set<string>();
  await crashAtEachCall({
    settings,
    prepare: (log) => fill(log, 1),
    change: (log) => succeed(log, 1),
    check: (log, isDone) => {
      const isHeir = log.group(1).replica === heir;
      found.add(isHeir ? "the new one" : "the one before");
      expect(isHeir || !isDone).toBe(true);
      if (isHeir) expectHeir(log, 1);
      else expectFirst(log, 1);
    },
  });
  expect([...found].toSorted()).toEqual(["the new one", "the one before"]);
});

test("a damaged group begins so as well, and if the record by which it did is lost it is damaged [D-3]", async () => {
  const host = new SimulatedHost();
  let { log } = await openLog(host, settings);
  await host.until(fill(log, 1));
  const before = log.diskEpoch;
  await host.until(log.close());
  await damageBodies(host, before);
  ({ log } = await openLog(host, settings));
  expect(log.group(1).isDamaged).toBe(true);
  const written = log.diskEpoch;
  await host.until(succeed(log, 1));
  expectHeir(log, 1);
  await host.until(log.close());
  ({ log } = await openLog(host, settings));
  expectHeir(log, 1);
  await host.until(log.close());
  await damageBodies(host, written);
  ({ log } = await openLog(host, settings));
  expect(log.group(1).isDamaged).toBe(true);
});

/** Of all batches of a segment. */
async function damageBodies(host: SimulatedHost, segment: number): Promise<void> {
  await host.patch(`${String(segment).padStart(12, "0")}.segment`, (bytes) => {
    for (const { offset } of batchesIn(bytes, segment)) {
      const at = offset + 64 + 48 + 4;
      bytes[at] = 0xff ^ (bytes[at] ?? 0);
    }
  });
}

function snapshotsOf(host: SimulatedHost): readonly string[] {
  return [...host.files().keys()].filter((name) => name.includes("snapshot"));
}
