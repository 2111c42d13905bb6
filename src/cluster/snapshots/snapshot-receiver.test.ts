import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import {
  configuration,
  logWith,
  NotedEvents,
  NotedLinks,
  newWorld,
  snapshotIndex,
  streamOf,
} from "../../../test/cluster/snapshot-fixture.ts";
import { Keyspace } from "../../keyspace/index.ts";
import type { InstallSnapshot } from "../../raft/index.ts";
import type { SimulatedWorld } from "../../simulation/index.ts";
import type { Replica } from "../replica/replica.ts";
import { nodeDefaults } from "../settings.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import { encodeDescription, readSnapshotQuestion, type SnapshotQuestion } from "./snapshot-wire.ts";

const pieceBytes = 131_072;

interface Setting {
  readonly world: SimulatedWorld;
  readonly receiver: SnapshotReceiver;
  readonly connections: NotedLinks;
  readonly events: NotedEvents;
  readonly installed: Keyspace[];
  readonly stepped: unknown[];
  readonly core: { commitIndex: number };
  readonly replica: { isWilling: boolean };
  readonly stream: Buffer;
  readonly offer: InstallSnapshot;
  /** Takes the questions that were asked. */
  questions(): readonly SnapshotQuestion[];
  /** Answers questions, truly or with what `bytes` makes of the truth. */
  answer(questions: readonly SnapshotQuestion[], bytes?: (truth: Buffer) => Buffer): boolean;
}

async function setting(kilobytes = 600): Promise<Setting> {
  const world = newWorld();
  const { clock } = world.machine("n1").start();
  const connections = new NotedLinks();
  const events = new NotedEvents();
  const stream = streamOf(kilobytes);
  const log = await logWith(clock, new Uint8Array(0));
  const installed: Keyspace[] = [];
  const stepped: unknown[] = [];
  const core = { commitIndex: 5 };
  const replica = { isWilling: true };
  const stub = {
    group: 2,
    core,
    keyspace: new Keyspace(),
    needsSnapshot: ({ snapshot }: InstallSnapshot) => snapshot.index > core.commitIndex,
    step: (message: unknown) => stepped.push(message),
    install: (_: unknown, keyspace: Keyspace) => {
      if (replica.isWilling) installed.push(keyspace);
      return replica.isWilling;
    },
    fail: (error: unknown) => {
      throw error;
    },
  };
  const receiver = new SnapshotReceiver({
    replica: stub as unknown as Replica,
    log,
    clock,
    logger: events,
    links: () => connections.links,
    settings: nodeDefaults,
    onOutput: () => {},
  });
  const data = encodeDescription({ sizeBytes: stream.length, checksum: crc32(stream) });
  const offer: InstallSnapshot = {
    type: "installSnapshot",
    from: 3,
    to: 1,
    term: 4,
    snapshot: { index: snapshotIndex, term: 2, configuration, data },
  };
  const questions = (): readonly SnapshotQuestion[] =>
    connections.take("control").flatMap((input) => readSnapshotQuestion(input) ?? []);
  const answer: Setting["answer"] = (asked, bytes = (truth) => truth) =>
    asked.every(({ offset, bytesMax, ...place }) =>
      receiver.arrived(3, { ...place, offset, bytes: bytes(stream.subarray(offset, offset + bytesMax)) }),
    );
  return { world, receiver, connections, events, installed, stepped, core, replica, stream, offer, questions, answer };
}

/** Time passes, with a tick every 100 ms. */
async function pass({ world, receiver }: Setting, forMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < forMs; passedMs += 100) {
    await world.run(100);
    receiver.tick();
  }
}

test("a stream is asked for in pieces, a few at a time, and installed when all of it is there [N-3]", async () => {
  const run = await setting();
  run.receiver.offered(run.offer);
  const first = run.questions();
  expect(first.map(({ offset }) => offset)).toEqual([0, 1, 2, 3].map((at) => at * pieceBytes));
  expect(run.answer(first.slice(0, 1))).toBe(true);
  await run.world.run(10);
  const next = run.questions();
  expect(next).toEqual([{ ...first[0], offset: 4 * pieceBytes, bytesMax: run.stream.length - 4 * pieceBytes }]);
  run.answer([...first.slice(1), ...next]);
  expect(run.installed).toEqual([]);
  await run.world.run(10);
  expect(run.installed.map(({ keyCount }) => keyCount)).toEqual([600]);
  expect(run.installed[0]?.header().appliedIndex).toBe(snapshotIndex);
  expect(run.receiver.isBusy).toBe(false);
  expect(run.stepped).toEqual([]);
});

test("where nothing comes less is asked for at once, and more again when it does [N-4]", async () => {
  const run = await setting(1_200);
  run.receiver.offered(run.offer);
  run.questions();
  const sizes: number[] = [];
  for (let attempt = 0; attempt < 7; attempt++) {
    run.receiver.offered(run.offer);
    sizes.push(run.questions()[0]?.bytesMax ?? 0);
  }
  expect(sizes).toEqual([65_536, 32_768, 16_384, 8_192, 4_096, 4_096, 4_096]);
  run.receiver.offered(run.offer);
  const larger = new Set<number>();
  for (let round = 0; round < 30 && run.receiver.isBusy; round++) {
    const asked = run.questions();
    for (const { bytesMax } of asked) larger.add(bytesMax);
    run.answer(asked);
    await run.world.run(10);
  }
  expect(Math.max(...larger)).toBe(pieceBytes);
  expect(run.installed.map(({ keyCount }) => keyCount)).toEqual([1_200]);
});

test("what does not come is asked for again, and what comes twice or from elsewhere does no harm [N-4]", async () => {
  const run = await setting();
  run.receiver.offered(run.offer);
  const first = run.questions();
  run.answer(first.slice(0, 2));
  run.answer(first.slice(0, 2));
  run.answer(first.slice(3));
  const [question] = first;
  if (question === undefined) throw new Error("nothing was asked");
  run.receiver.arrived(2, { ...question, offset: 2 * pieceBytes, bytes: Buffer.alloc(pieceBytes) });
  run.receiver.arrived(3, { ...question, checksum: 1, offset: 2 * pieceBytes, bytes: Buffer.alloc(pieceBytes) });
  await run.world.run(10);
  run.questions();
  run.connections.areUp = false;
  await pass(run, 3_000);
  run.connections.areUp = true;
  await pass(run, 1_200);
  const again = run.questions();
  expect(again[0]?.offset).toBe(2 * pieceBytes);
  run.answer(again);
  await run.world.run(10);
  run.answer(run.questions());
  await run.world.run(10);
  expect(run.installed.length).toBe(1);
});

test("the same stream goes on from another node, at the byte where it was [N-4]", async () => {
  const run = await setting();
  run.receiver.offered(run.offer);
  run.answer(run.questions().slice(0, 3));
  await run.world.run(10);
  run.questions();
  run.receiver.offered({ ...run.offer, from: 2, term: 5 });
  const [next] = run.questions();
  expect(next?.offset).toBe(3 * pieceBytes);
  expect(run.connections.written).toEqual([]);
  expect(run.events.names).toEqual(["a snapshot is on its way here"]);
});

test.for([
  { what: "bytes that are not those of the snapshot", spoil: (bytes: Buffer) => Buffer.from(bytes).fill(7, 900, 901) },
  { what: "a value of the right length that is another one", spoil: swapDigits },
])("$what are found before anything is replaced, and dropped [N-3]", async ({ spoil }) => {
  const run = await setting(100);
  run.receiver.offered(run.offer);
  expect(run.answer(run.questions(), spoil)).toBe(true);
  await run.world.run(10);
  expect(run.installed).toEqual([]);
  expect(run.receiver.isBusy).toBe(false);
  expect(run.events.names).toContain("a bad snapshot came");
  // The next offer begins anew.
  run.receiver.offered(run.offer);
  run.answer(run.questions());
  await run.world.run(10);
  expect(run.installed.length).toBe(1);
});

function swapDigits(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString("latin1").replace("5555", "5565"), "latin1");
}

test("pieces that are longer than asked for, or lie behind the end, make no sense", async () => {
  const run = await setting(100);
  run.receiver.offered(run.offer);
  expect(run.answer(run.questions(), (bytes) => Buffer.concat([bytes, bytes]))).toBe(false);
  expect(run.installed).toEqual([]);
});

test.for([
  {
    what: "its sender has it no longer",
    make: async (run: Setting) => run.answer(run.questions(), () => Buffer.alloc(0)),
  },
  { what: "nobody goes on with it", make: (run: Setting) => pass(run, 62_000) },
  {
    what: "it is not needed any more",
    make: (run: Setting) => {
      run.core.commitIndex = snapshotIndex;
      return pass(run, 100);
    },
  },
])("a snapshot on its way is dropped when $what", async ({ make }) => {
  const run = await setting();
  run.receiver.offered(run.offer);
  expect(run.receiver.isBusy).toBe(true);
  run.connections.areUp = true;
  await make(run);
  expect(run.receiver.isBusy).toBe(false);
  expect(run.installed).toEqual([]);
});

test("what is not needed goes to the core, which says what it has [N-3]", async () => {
  const run = await setting();
  run.core.commitIndex = snapshotIndex;
  run.receiver.offered(run.offer);
  expect(run.stepped).toEqual([run.offer]);
  expect([...run.connections.written, run.receiver.isBusy]).toEqual([false]);
});

test("a snapshot that is whole waits for an offer that the core takes", async () => {
  const run = await setting(100);
  run.replica.isWilling = false;
  run.receiver.offered(run.offer);
  run.answer(run.questions());
  await run.world.run(10);
  expect([run.installed.length, run.receiver.isBusy]).toEqual([0, true]);
  run.replica.isWilling = true;
  run.receiver.offered({ ...run.offer, term: 6 });
  await run.world.run(10);
  expect([run.installed.length, run.receiver.isBusy]).toEqual([1, false]);
  expect(run.questions()).toEqual([]);
});
