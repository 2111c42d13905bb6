import { expect, test } from "vitest";
import { EntryReader } from "../../keyspace/index.ts";
import { Arguments, type Reply } from "../../resp/index.ts";
import { SeededRandom, SimulatedWorld } from "../../simulation/index.ts";
import { nodeDefaults } from "../settings.ts";
import type { Batch } from "./batch.ts";
import { Lane } from "./lane.ts";
import { aloneMember } from "./waves.ts";
import { WriteQueue } from "./write-queue.ts";

class FakeLane extends Lane {
  override answer(_ticket: number, _reply: Reply): void {}
  override giveBack(): void {}
  override largeProposed(): void {}
}

const lane = new FakeLane();
const deletes = Arguments.of(["DEL", "k"]);
const sets = Arguments.of(["SET", "k", "v"]);

/** A queue, and how many commands each entry has that it proposed. */
function made(): { readonly queue: WriteQueue; readonly proposed: number[] } {
  const proposed: number[] = [];
  const queue = new WriteQueue({
    clock: new SimulatedWorld({ seed: 1 }).machine("n1").start().clock,
    random: new SeededRandom(1),
    settings: { ...nodeDefaults, batchCommandsMax: 2, batchesInFlightMax: 2 },
    entryTimeMs: () => 1,
    propose: (data) => {
      const reader = new EntryReader();
      reader.open(data);
      proposed.push(reader.commandCount);
      return { index: proposed.length, term: 1 };
    },
    wave: aloneMember,
  });
  return { queue, proposed };
}

function add(queue: WriteQueue, args: Arguments): void {
  queue.openBatch().add(lane, 1, args, args === deletes);
}

test("without space batches that only free some are proposed one at a time, beside those that are stalled [D-7]", () => {
  const { queue, proposed } = made();
  for (let each = 0; each < 4; each++) add(queue, sets);
  queue.propose();
  expect(proposed).toEqual([2, 2]);
  expect(queue.freeingIndex).toBeUndefined();
  for (let each = 0; each < 3; each++) add(queue, deletes);
  expect(queue.proposeFreeing(10_000)).toBe(true);
  expect(queue.proposeFreeing(10_000)).toBe(true);
  expect(proposed).toEqual([2, 2, 2]);
  expect(queue.freeingIndex).toBe(3);
  for (let index = 1; index <= 3; index++) queue.take(index, 1);
  expect(queue.proposeFreeing(10_000)).toBe(true);
  expect(proposed).toEqual([2, 2, 2, 1]);
});

test("a batch with a write in it that takes space is none of them, wherever it stands in the batch [D-7]", () => {
  for (const commands of [
    [sets, deletes],
    [deletes, sets],
  ]) {
    const { queue, proposed } = made();
    for (const args of commands) add(queue, args);
    expect(queue.proposeFreeing(10_000)).toBe(false);
    expect(proposed).toEqual([]);
  }
});

test("what finds no room is left to be refused, as is what comes behind one whose fate is open for too long [D-7]", () => {
  const { queue, proposed } = made();
  add(queue, deletes);
  const { byteLength } = queue.openBatch();
  expect(queue.proposeFreeing(byteLength)).toBe(false);
  expect(queue.proposeFreeing(byteLength + 64)).toBe(true);
  expect(proposed).toEqual([1]);
  add(queue, deletes);
  queue.giveUp((batch) => batch.done());
  expect(queue.answeredIndex).toBe(0);
  expect(queue.proposeFreeing(10_000)).toBe(true);
  queue.giveUpFreeing((batch) => batch.done());
  expect(queue.answeredIndex).toBeUndefined();
  expect(queue.proposeFreeing(10_000)).toBe(false);
  const refused: Batch[] = [];
  queue.refuseQueued((batch) => refused.push(batch));
  expect(refused.map(({ commandCount }) => commandCount)).toEqual([1]);
  queue.take(1, 1);
  add(queue, deletes);
  expect(queue.proposeFreeing(10_000)).toBe(true);
  expect(proposed).toEqual([1, 1]);
});
