import { expect, test } from "vitest";
import {
  configuration,
  logWith,
  NotedEvents,
  NotedLinks,
  newWorld,
  snapshotIndex,
  storedIn,
  streamOf,
} from "../../../test/cluster/snapshot-fixture.ts";
import { type NodeLog, SnapshotDamagedError } from "../../log/index.ts";
import type { SimulatedWorld } from "../../simulation/index.ts";
import { SnapshotBudget } from "./snapshot-budget.ts";
import { SnapshotSender } from "./snapshot-sender.ts";
import { decodeDescription, readSnapshotPiece, type SnapshotPiece, type SnapshotQuestion } from "./snapshot-wire.ts";

interface Setting {
  readonly world: SimulatedWorld;
  readonly sender: SnapshotSender;
  readonly connections: NotedLinks;
  readonly events: NotedEvents;
  readonly stream: Buffer;
  /** Followers for whose installation the core waits. */
  readonly awaited: Set<number>;
  readonly failed: number[];
  readonly unreadable: string[];
  readonly outdated: string[];
  question(offset: number, bytesMax?: number): SnapshotQuestion;
  pieces(): readonly SnapshotPiece[];
}

async function setting(limits: { bytesPerSecond?: number; breaks?: boolean } = {}): Promise<Setting> {
  const world = newWorld();
  const { clock } = world.machine("n1").start();
  const connections = new NotedLinks();
  const events = new NotedEvents();
  const stream = streamOf(300);
  const log = await logWith(clock, stream);
  const awaited = new Set<number>();
  const failed: number[] = [];
  const unreadable: string[] = [];
  const outdated: string[] = [];
  const { bytesPerSecond = 1e9, breaks = false } = limits;
  const sender = new SnapshotSender({
    group: 1,
    log: breaks ? breaking(log) : log,
    clock,
    logger: events,
    links: () => connections.links,
    budget: new SnapshotBudget(clock, { snapshotSendsMax: 2, snapshotBytesPerSecond: bytesPerSecond }),
    isAwaited: (follower) => awaited.has(follower),
    onFailed: (follower) => failed.push(follower),
    onOutdated: () => outdated.push("own"),
    onUnreadable: () => unreadable.push("own"),
    onOutput: () => {},
  });
  const { checksum } = storedIn(log);
  const question = (offset: number, bytesMax = 50_000): SnapshotQuestion => {
    return { group: 1, index: snapshotIndex, checksum, offset, bytesMax };
  };
  const pieces = (): readonly SnapshotPiece[] =>
    connections.take("bulk").flatMap((input) => readSnapshotPiece(input) ?? []);
  return { world, sender, connections, events, stream, awaited, failed, unreadable, outdated, question, pieces };
}

/** A log whose snapshots cannot be read. */
function breaking(log: NodeLog): NodeLog {
  const openSnapshot: NodeLog["openSnapshot"] = (group) => {
    const reader = log.openSnapshot(group);
    const error = new SnapshotDamagedError({ group, path: "a file", offset: 0 }, "it is damaged");
    return reader && { snapshot: reader.snapshot, read: () => Promise.reject(error), close: () => reader.close() };
  };
  return Object.assign(Object.create(log), { openSnapshot });
}

async function pass({ world, sender }: Setting, forMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < forMs; passedMs += 100) {
    await world.run(100);
    sender.tick();
  }
}

test("a follower is told what there is, and gets what it asks for, in the order of its questions [N-4]", async () => {
  const run = await setting();
  const offer = run.sender.latest(2);
  expect(offer).toMatchObject({ index: snapshotIndex, term: 1, configuration });
  expect(decodeDescription(offer?.data ?? Buffer.alloc(0))?.sizeBytes).toBe(run.stream.length);
  for (const offset of [0, 50_000, 250_000, 100_000]) run.sender.asked(2, run.question(offset));
  await run.world.run(10);
  const pieces = run.pieces();
  expect(pieces.map(({ offset }) => offset)).toEqual([0, 50_000, 250_000, 100_000]);
  for (const { offset, bytes } of pieces) {
    expect(bytes.equals(run.stream.subarray(offset, offset + 50_000))).toBe(true);
  }
});

test("a stream that is not there any more is refused with an empty piece", async () => {
  const run = await setting();
  // This one is there, and will be offered again.
  run.sender.asked(2, run.question(0));
  run.sender.asked(2, { ...run.question(0), index: 6 });
  run.sender.latest(2);
  run.sender.asked(2, { ...run.question(0), checksum: 7 });
  await run.world.run(10);
  expect(run.pieces().map(({ index, checksum, bytes }) => [index, checksum === 7, bytes.length])).toEqual([
    [6, false, 0],
    [snapshotIndex, true, 0],
  ]);
});

test("all snapshots together take no more of the network than they may, and a full connection is waited for [N-5]", async () => {
  const run = await setting({ bytesPerSecond: 100_000 });
  for (const follower of [2, 3]) {
    run.sender.latest(follower);
    for (const offset of [0, 50_000, 100_000]) run.sender.asked(follower, run.question(offset));
  }
  run.connections.queuedBytes = 600_000;
  await run.world.run(3_000);
  expect(run.pieces()).toEqual([]);
  run.connections.queuedBytes = 0;
  await run.world.run(1_000);
  const bytes = run.pieces().reduce((sum, piece) => sum + piece.bytes.length, 0);
  expect(bytes).toBeGreaterThanOrEqual(100_000);
  expect(bytes).toBeLessThanOrEqual(150_000);
});

test("only so many followers are served at a time; the next one's turn comes when one has installed [N-5]", async () => {
  const run = await setting();
  for (const follower of [2, 3]) {
    run.awaited.add(follower);
    expect(run.sender.latest(follower)).toBeDefined();
  }
  expect(run.sender.latest(4)).toBeUndefined();
  run.awaited.delete(3);
  await pass(run, 100);
  expect(run.sender.count).toBe(1);
  expect(run.sender.latest(4)).toBeDefined();
  expect(run.failed).toEqual([]);
});

test("a snapshot from before a follower was added is of no use to it: a newer one is asked for, and none held open [M-8]", async () => {
  const run = await setting();
  expect(run.sender.latest(5)).toBeUndefined();
  expect(run.outdated).toEqual(["own"]);
  expect(run.sender.count).toBe(0);
  for (const follower of [2, 3]) expect(run.sender.latest(follower)).toBeDefined();
});

test("a follower that asks for nothing has failed, and is offered a snapshot again after a growing wait [N-4]", async () => {
  const run = await setting();
  run.awaited.add(2);
  let lastMs = run.world.nowMs;
  const waits: number[] = [];
  for (let failure = 1; failure <= 4; failure++) {
    run.sender.latest(2);
    await pass(run, 4_000);
    run.sender.asked(2, run.question(0));
    await pass(run, 4_900);
    expect(run.failed.length).toBe(failure - 1);
    await pass(run, 300);
    expect(run.failed.length).toBe(failure);
    lastMs = run.world.nowMs;
    while (run.sender.latest(2) === undefined) await pass(run, 100);
    waits.push(Math.round((run.world.nowMs - lastMs) / 100) * 100);
  }
  expect(waits.every((wait, at) => at === 0 || wait > (waits[at - 1] ?? 0) * 1.4)).toBe(true);
  // Who has installed one begins with a short wait again.
  run.awaited.delete(2);
  await pass(run, 100);
  expect(run.sender.latest(2)).toBeDefined();
});

test("a follower that connects again is offered the snapshot anew, at once", async () => {
  const run = await setting();
  run.awaited.add(2);
  run.sender.connected(2);
  expect(run.failed).toEqual([]);
  run.sender.latest(2);
  run.sender.connected(2);
  expect([run.failed, run.sender.count]).toEqual([[2], 0]);
  expect(run.sender.latest(2)).toBeDefined();
});

test("a leader that cannot read its own snapshot says so, at once [N-7]", async () => {
  const run = await setting({ breaks: true });
  run.awaited.add(2);
  run.sender.latest(2);
  run.sender.asked(2, run.question(0));
  await run.world.run(10);
  expect([run.failed, run.unreadable]).toEqual([[2], ["own"]]);
  expect(run.events.names).toContain("this node cannot read its own snapshot");
  expect(run.pieces()).toEqual([]);
});

test("what is stopped sends nothing more, and leaves nothing open", async () => {
  const run = await setting({ bytesPerSecond: 10_000 });
  run.sender.latest(2);
  for (const offset of [0, 50_000]) run.sender.asked(2, run.question(offset));
  await run.world.run(100);
  run.pieces();
  run.sender.stop();
  await run.world.run(60_000);
  expect(run.pieces()).toEqual([]);
  expect(run.sender.count).toBe(0);
});
