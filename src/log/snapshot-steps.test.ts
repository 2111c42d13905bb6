/** A snapshot made, one received, the log cut and its segments given up: stopped, or failed, at every call of the disk. */
import { describe, expect, test } from "vitest";
import { watchedDisk } from "../../test/log/disk-calls.ts";
import {
  directory,
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
import type { Log } from "./log.ts";

/** What a group has been promised, and what it may have got beyond that. */
interface Promised {
  /** Of the newest entry that is durable. */
  lastIndex: number;
  snapshotIndex: number;
  /** A snapshot that is being made or installed. */
  snapshotUnderWay: number;
}

type Scenario = (log: Log, promised: Promised) => Promise<void>;

const settings = { segmentBytes: 16_384, freeBytesMin: 0, idleMarkMs: 20, reclaimBytes: 2 ** 30 };

const streams = new Map<number, Uint8Array>();

/** Of two pieces. */
function streamOf(index: number): Uint8Array {
  const stream = streams.get(index) ?? filler(270_000, index);
  streams.set(index, stream);
  return stream;
}

function wanted(index: number): ReturnType<typeof entry> {
  return entry(index, 1, filler(3_000, index));
}

async function append(log: Log, promised: Promised, count: number): Promise<void> {
  for (let added = 0; added < count; added++) {
    const index = log.group(1).lastIndex + 1;
    await write(log, 1, { entries: [wanted(index)] });
    promised.lastIndex = index;
  }
}

async function make(log: Log, promised: Promised, index: number): Promise<void> {
  promised.snapshotUnderWay = index;
  await writeSnapshot(log.createSnapshot(1, meta(index, 1)), streamOf(index));
  promised.snapshotIndex = index;
  log.compact(1, index - 2);
}

const scenarios: readonly { readonly name: string; readonly run: Scenario }[] = [
  {
    name: "made",
    run: async (log, promised) => {
      await append(log, promised, 3);
      await make(log, promised, 3);
      await append(log, promised, 4);
      await make(log, promised, 6);
      await append(log, promised, 6);
    },
  },
  {
    name: "received",
    run: async (log, promised) => {
      await append(log, promised, 2);
      promised.snapshotUnderWay = 20;
      const records = { stream: streamOf(20), entries: [wanted(21)], hardState: hardState(1, 1, 20) };
      await install(log, 1, meta(20, 1), records);
      promised.snapshotIndex = 20;
      promised.lastIndex = 21;
      await append(log, promised, 4);
      await make(log, promised, 24);
      await append(log, promised, 6);
    },
  },
];

/** Another group, whose entries are restated on the way. */
async function writeQuiet(log: Log): Promise<void> {
  await write(log, 2, { entries: [wanted(1)], hardState: hardState(3, 2) });
}

/** Whatever happened: what was promised is there, nothing is damaged, and it goes on. */
async function check(host: SimulatedHost, promised: Promised): Promise<void> {
  const { log, recovery } = await openLog(host, settings);
  expect(recovery).toMatchObject({ damage: [], mayMissGroups: false });
  expect(recovery.groups.filter((group) => group.isDamaged)).toEqual([]);
  const group = log.group(1);
  const snapshotIndex = group.snapshot?.index ?? 0;
  expect([promised.snapshotIndex, promised.snapshotUnderWay]).toContain(snapshotIndex);
  expect(snapshotIndex).toBeGreaterThanOrEqual(promised.snapshotIndex);
  expect(group.firstIndex - 1).toBeLessThanOrEqual(snapshotIndex);
  expect(group.lastIndex).toBeGreaterThanOrEqual(promised.lastIndex);
  expect(group.hardState.commit).toBeGreaterThanOrEqual(snapshotIndex);
  const found = await host.until(readAll(log, 1));
  expect(plain(found)).toEqual(plain(found.map((_, place) => wanted(group.firstIndex + place))));
  if (snapshotIndex > 0) {
    const stream = await host.until(readSnapshot(log.openSnapshot(1)));
    expect(Buffer.compare(stream, streamOf(snapshotIndex))).toBe(0);
  }
  expect(plain(await host.until(readAll(log, 2)))).toEqual(plain([wanted(1)]));
  expect(log.group(2).hardState).toEqual(hardState(3, 2));
  // Nothing is left over, and the next one comes through.
  const snapshotFiles = [...host.files().keys()].filter((name) => !/\.(segment|preparing)$/.test(name));
  expect(snapshotFiles).toHaveLength(snapshotIndex > 0 ? 1 : 0);
  await host.until(append(log, promised, 1));
  await host.until(make(log, promised, promised.lastIndex));
  expect(group.firstIndex).toBe(Math.max(1, promised.lastIndex - 1));
  await host.until(log.close());
}

/** Runs a scenario whose disk tells of each call; resolves when it has ended or `isOver` says so. */
async function play(
  scenario: Scenario,
  seed: number,
  onCall: (host: SimulatedHost, operation: string, path: string) => void,
): Promise<{ readonly host: SimulatedHost; readonly promised: Promised; readonly outcome: unknown }> {
  const host = new SimulatedHost({ seed });
  const promised: Promised = { lastIndex: 0, snapshotIndex: 0, snapshotUnderWay: 0 };
  await host.prepare();
  let isWatched = false;
  const disk = watchedDisk(host.platform.disk, (operation, path) => {
    if (isWatched) onCall(host, operation, path);
  });
  const { log } = await openLog(host, { ...settings, disk });
  await host.until(writeQuiet(log));
  let outcome: unknown;
  log.onFailure((error) => {
    outcome ??= error;
  });
  isWatched = true;
  scenario(log, promised).then(
    () => {
      outcome ??= "complete";
    },
    (error: unknown) => {
      outcome ??= error;
    },
  );
  await host.world.runUntil(() => outcome !== undefined || !host.machine.isPowered, 60_000);
  host.check();
  return { host, promised, outcome };
}

/** Of one run without any fault: its calls, from the scenario's first on. */
async function callsOf(scenario: Scenario): Promise<readonly { readonly operation: string; readonly path: string }[]> {
  const calls: { readonly operation: string; readonly path: string }[] = [];
  const { host, promised, outcome } = await play(scenario, 1, (_host, operation, path) =>
    calls.push({ operation, path }),
  );
  expect(outcome).toBe("complete");
  await host.run(200);
  host.restart("everything");
  await check(host, promised);
  return calls;
}

/** Whether the power was cut before the scenario had ended. */
async function cutAt(cut: {
  readonly run: Scenario;
  readonly seed: number;
  readonly step: number;
  readonly delayMs: number;
  readonly loss: "everything" | "random" | "nothing";
}): Promise<boolean> {
  const { run, seed, step, delayMs, loss } = cut;
  let count = 0;
  let isOver = false;
  const { host, promised } = await play(run, seed, (player) => {
    count++;
    if (count === step) player.world.schedule(delayMs, () => isOver || player.machine.cutPower(loss));
  });
  isOver = true;
  const isCut = !host.machine.isPowered;
  host.restart(loss);
  await check(host, promised);
  return isCut;
}

describe.for(scenarios)("with a snapshot $name", ({ run }) => {
  test("a power cut before any call of the disk leaves a node that starts, with all it promised [N-1, N-2, D-5, O-3, I-17]", async () => {
    const calls = await callsOf(run);
    for (const step of ["rename", "remove"]) expect(calls.map((call) => call.operation)).toContain(step);
    expect(calls.filter(({ path }) => path.endsWith("000000000001.segment")).map((call) => call.operation)).toContain(
      "remove",
    );
    let cuts = 0;
    for (let step = 1; step <= calls.length + 1; step++) {
      const loss = (["everything", "random", "nothing"] as const)[step % 3] ?? "random";
      if (await cutAt({ run, seed: step, step, delayMs: 0, loss })) cuts++;
    }
    expect(cuts).toBeGreaterThan(calls.length * 0.7);
  });

  test("a power cut soon after any call of the disk, some of which are done by then, is no worse [N-2]", async () => {
    const calls = await callsOf(run);
    let cuts = 0;
    for (const [place, { operation }] of calls.entries()) {
      // What a quick call has done stays, while a write that began with it has not come to its end.
      if (operation === "write" || operation === "sync") continue;
      const isRemoval = operation === "remove";
      for (const seed of isRemoval ? [1, 2, 3, 4, 5, 6, 7, 8] : [1, 2])
        if (await cutAt({ run, seed, step: place + 1, delayMs: 0.1, loss: "random" })) cuts++;
    }
    expect(cuts).toBeGreaterThan(10);
  });

  test("an error of the disk at any call costs a snapshot or ends the process, and never what was promised [D-4, D-6, D-7]", async () => {
    const calls = await callsOf(run);
    const outcomes = new Map<string, number>();
    for (let step = 1; step <= calls.length; step++) {
      const code = (["EIO", "ENOSPC", "ESHORT", "EROFS"] as const)[step % 4] as string;
      let count = 0;
      const { host, promised, outcome } = await play(run, step, (player, operation, path) => {
        count++;
        if (count !== step || (operation !== "write" && code === "ESHORT")) return;
        player.machine.disk.inject({
          operation: operation as "write",
          code,
          matches: (one) => one === path,
        });
      });
      const name =
        typeof outcome === "object" && outcome !== null && "code" in outcome ? String(outcome.code) : outcome;
      outcomes.set(String(name), (outcomes.get(String(name)) ?? 0) + 1);
      host.machine.disk.clearFaults();
      // One that was not written has left nothing behind, and the log goes on.
      if (name === "SNAPSHOT_NOT_WRITTEN") {
        expect([...host.files().keys()].filter((file) => file.endsWith(".writing"))).toEqual([]);
      }
      host.restart((["everything", "random", "nothing"] as const)[step % 3]);
      await check(host, promised);
    }
    expect([...outcomes.keys()].sort()).toEqual(["LOG_DISK_FAILED", "SNAPSHOT_NOT_WRITTEN", "complete"]);
    for (const count of outcomes.values()) expect(count).toBeGreaterThan(2);
  });
});

test("after a snapshot that found no space the next one is written, in the same run [D-7, N-4]", async () => {
  const host = new SimulatedHost();
  const { log } = await openLog(host, settings);
  const promised: Promised = { lastIndex: 0, snapshotIndex: 0, snapshotUnderWay: 0 };
  await host.until(writeQuiet(log));
  await host.until(append(log, promised, 4));
  host.machine.disk.inject({ operation: "write", code: "ENOSPC", matches: (path) => path.endsWith(".writing") });
  const writer = log.createSnapshot(1, meta(3, 1));
  const error: unknown = await host.until(
    writeSnapshot(writer, streamOf(3)).then(
      () => undefined,
      (reason: unknown) => reason,
    ),
  );
  expect(error).toMatchObject({ code: "SNAPSHOT_NOT_WRITTEN", group: 1, outcome: "notApplied" });
  expect(String(error)).toContain(directory);
  expect([...host.files().keys()].filter((file) => !file.endsWith(".segment"))).toEqual([]);
  await host.until(writer.abort());
  await host.until(append(log, promised, 1));
  await host.until(make(log, promised, 3));
  host.restart("everything");
  await check(host, promised);
});
