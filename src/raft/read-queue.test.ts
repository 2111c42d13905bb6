import { expect, test } from "vitest";
import { ReadQueue } from "./read-queue.ts";

const three = { incoming: [1, 2, 3], outgoing: [] };

test("an answer confirms the read it names by position and all before it", () => {
  const reads = new ReadQueue();
  expect(reads.round).toBe(0);
  reads.add({ from: 1, context: 70, index: 5 });
  reads.acknowledge(1, reads.round);
  reads.add({ from: 1, context: 71, index: 6 });
  reads.acknowledge(1, reads.round);
  expect(reads.round).toBe(2);
  expect(reads.takeConfirmed(three)).toEqual([]);
  reads.acknowledge(3, 2);
  expect(reads.takeConfirmed(three).map((read) => read.context)).toEqual([70, 71]);
  expect(reads.round).toBe(0);
});

test("a repeated request never takes the confirmation of the earlier one [R-3]", () => {
  const reads = new ReadQueue();
  reads.add({ from: 2, context: 70, index: 5 });
  reads.acknowledge(1, 1);
  reads.acknowledge(2, 1);
  expect(reads.takeConfirmed(three)).toHaveLength(1);
  reads.add({ from: 2, context: 70, index: 9 });
  reads.acknowledge(1, reads.round);
  // The answers to the first round, delivered again.
  reads.acknowledge(2, 1);
  reads.acknowledge(3, 1);
  expect(reads.takeConfirmed(three)).toEqual([]);
  reads.acknowledge(3, 2);
  expect(reads.takeConfirmed(three)).toEqual([{ from: 2, context: 70, index: 9 }]);
});

test("both halves of a joint configuration must confirm [R-4]", () => {
  const reads = new ReadQueue();
  reads.add({ from: 1, context: 70, index: 5 });
  for (const id of [1, 2]) reads.acknowledge(id, 1);
  expect(reads.takeConfirmed({ incoming: [1, 2, 3], outgoing: [3, 4, 5] })).toEqual([]);
  for (const id of [4, 5]) reads.acknowledge(id, 1);
  expect(reads.takeConfirmed({ incoming: [1, 2, 3], outgoing: [3, 4, 5] })).toHaveLength(1);
});

test("an answer of a later read confirms the earlier ones though their own answers were lost", () => {
  const reads = new ReadQueue();
  for (const context of [70, 71, 72]) {
    reads.add({ from: 1, context, index: 5 });
    reads.acknowledge(1, reads.round);
  }
  reads.acknowledge(2, 2);
  expect(reads.takeConfirmed(three).map((read) => read.context)).toEqual([70, 71]);
  expect(reads.round).toBe(3);
});

test("clearing names the reads of this replica that will not be answered, and starts positions anew [R-5]", () => {
  const reads = new ReadQueue();
  reads.wait({ from: 1, context: 80 });
  reads.add({ from: 1, context: 70, index: 5 });
  reads.add({ from: 2, context: 71, index: 5 });
  reads.acknowledge(2, 2);
  expect(reads.clear(1)).toEqual([70, 80]);
  expect(reads.hasWaiting).toBe(false);
  reads.add({ from: 1, context: 90, index: 7 });
  reads.acknowledge(1, reads.round);
  expect(reads.takeConfirmed(three)).toEqual([]);
});
