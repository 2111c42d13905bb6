import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryLog } from "../../test/raft/memory-log.ts";
import { type Entry, entryBytes, noData, type Term } from "./entry.ts";
import { RaftLog } from "./raft-log.ts";

const unlimited = Number.POSITIVE_INFINITY;

function entry(index: number, term: Term, length = 0): Entry {
  return { kind: "normal", index, term, data: length === 0 ? noData : new Uint8Array(length) };
}

function entriesOf(terms: readonly Term[], from = 1): Entry[] {
  return terms.map((term, offset) => entry(from + offset, term));
}

/** A log whose first `handedCount` terms are with the host and the rest pending. */
function logOf(
  terms: readonly Term[],
  handedCount = terms.length,
  options: { base?: number; baseTerm?: Term; applyBytesMax?: number } = {},
): { log: RaftLog; stored: MemoryLog } {
  const base = options.base ?? 0;
  const stored = new MemoryLog({ index: base, term: options.baseTerm ?? 0 });
  const all = entriesOf(terms, base + 1);
  stored.append(all.slice(0, handedCount));
  const log = new RaftLog(
    stored,
    { commit: base, applied: base },
    { entryBytes, applyBytesMax: options.applyBytesMax ?? unlimited },
  );
  log.append(all.slice(handedCount));
  return { log, stored };
}

function termsOf(log: RaftLog): (Term | undefined)[] {
  const terms: (Term | undefined)[] = [];
  for (let index = log.firstIndex; index <= log.lastIndex; index++) terms.push(log.term(index));
  return terms;
}

test.for([
  { name: "what is there already changes nothing", at: 1, sent: [1, 2], terms: [1, 1, 2, 3], pendingFrom: 5 },
  { name: "a shorter true prefix does not cut what follows", at: 1, sent: [1], terms: [1, 1, 2, 3], pendingFrom: 5 },
  { name: "new entries follow the last", at: 4, sent: [3, 4], terms: [1, 1, 2, 3, 3, 4], pendingFrom: 5 },
  { name: "known and new entries in one append", at: 2, sent: [2, 3, 3], terms: [1, 1, 2, 3, 3], pendingFrom: 5 },
  { name: "a differing entry takes everything behind it along", at: 2, sent: [4], terms: [1, 1, 4], pendingFrom: 3 },
  { name: "a differing entry in the middle of an append", at: 1, sent: [1, 4, 4], terms: [1, 1, 4, 4], pendingFrom: 3 },
])("merge: $name [I-5]", ({ at, sent, terms, pendingFrom }) => {
  for (const handedCount of [0, 2, 3, 4]) {
    const { log, stored } = logOf([1, 1, 2, 3], handedCount);
    log.merge(entriesOf(sent, at + 1));
    expect(termsOf(log)).toEqual(terms);
    expect(log.lastTerm).toBe(terms.at(-1));
    const { entries } = log.takePending();
    // Only what the host does not hold is handed over, and it begins where its log is to be cut (O-4).
    if (handedCount === 4) expect(entries[0]?.index ?? 5).toBe(pendingFrom);
    stored.append(entries);
    expect(termsOf(log)).toEqual(terms);
    expect(stored.all.map((one) => one.term)).toEqual(terms);
  }
});

test("a leader that replaces a committed entry is stopped [I-6]", () => {
  const { log } = logOf([1, 1, 2]);
  log.commitTo(2);
  expect(() => log.merge(entriesOf([3], 2))).toThrow("I-6");
});

test("entries follow each other without a gap, and their terms never fall [I-17]", () => {
  const { log } = logOf([1, 2]);
  expect(() => log.append([entry(4, 2)])).toThrow("I-17");
  expect(() => log.append([entry(3, 1)])).toThrow("I-17");
});

test("the commit index never goes back and never points beyond the log [I-8]", () => {
  const { log } = logOf([1, 2]);
  log.commitTo(2);
  log.commitTo(1);
  expect(log.commitIndex).toBe(2);
  expect(() => log.commitTo(3)).toThrow("I-9");
});

test("a log is as complete as another by its last term, then by its length (§5.4.1)", () => {
  const { log } = logOf([1, 1, 3]);
  expect(log.isUpToDate(1, 4)).toBe(true);
  expect(log.isUpToDate(3, 3)).toBe(true);
  expect(log.isUpToDate(4, 3)).toBe(true);
  expect(log.isUpToDate(2, 3)).toBe(false);
  expect(log.isUpToDate(9, 2)).toBe(false);
});

test("the place where logs part is what going down one by one would find", () => {
  const increments = fc.array(fc.nat(2), { maxLength: 30 });
  fc.assert(
    fc.property(increments, fc.nat(3), fc.nat(30), fc.nat(35), fc.nat(40), (steps, compacted, handed, index, term) => {
      const terms: Term[] = [];
      for (const step of steps) terms.push((terms.at(-1) ?? 1) + step);
      const { log, stored } = logOf(terms, Math.min(handed, terms.length));
      if (stored.lastIndex >= compacted) stored.compact(compacted);
      let at = index;
      let expected = { index: 0, term: 0 };
      for (; at > 0; at--) {
        const here = log.term(at);
        if (here === undefined || here <= term) {
          expected = { index: at, term: here ?? 0 };
          break;
        }
      }
      expect(log.findConflict(index, term)).toEqual(expected);
    }),
  );
});

test("entries are read across what is stored and what is pending, at least one and up to the limit", () => {
  const sizes = [10, 20, 30, 40, 50];
  for (let handedCount = 0; handedCount <= sizes.length; handedCount++) {
    const stored = new MemoryLog();
    const all = sizes.map((size, offset) => entry(offset + 1, 1, size));
    stored.append(all.slice(0, handedCount));
    const log = new RaftLog(stored, { commit: 0, applied: 0 }, { entryBytes, applyBytesMax: unlimited });
    log.append(all.slice(handedCount));
    const read = (from: number, bytesMax: number): number[] => {
      const entries = log.entriesFrom(from, bytesMax);
      return typeof entries === "string" ? [] : entries.map((one) => one.index);
    };
    expect(read(1, unlimited)).toEqual([1, 2, 3, 4, 5]);
    expect(read(1, 0)).toEqual([1]);
    expect(read(2, 36)).toEqual([2]);
    expect(read(2, 36 + 46)).toEqual([2, 3]);
    expect(read(2, 36 + 45)).toEqual([2]);
    expect(read(6, unlimited)).toEqual([]);
  }
});

test("entries that are no longer stored are said to be so", () => {
  const { log, stored } = logOf([1, 1, 2, 2, 3], 4);
  stored.compact(2);
  expect(log.firstIndex).toBe(3);
  expect(log.entriesFrom(2, unlimited)).toBe("compacted");
  expect(log.term(2)).toBe(1);
  expect(log.term(1)).toBe(undefined);
  expect(log.term(6)).toBe(undefined);
});

test("entries on disk hold applying up until they are fetched", () => {
  const { log, stored } = logOf([1, 1, 2]);
  log.commitTo(3);
  stored.unavailableUpTo = 2;
  expect(log.takeCommitted(false)).toEqual([]);
  expect(log.hasNextCommitted(false)).toBe(false);
  expect(log.hasUnappliedConfigurationChange()).toBe(true);
  stored.unavailableUpTo = 0;
  log.isApplyWaitingForEntries = false;
  expect(log.takeCommitted(false).map((one) => one.index)).toEqual([1, 2, 3]);
  expect(log.hasUnappliedConfigurationChange()).toBe(false);
});

test("where the reader knows which entries change the configuration, none need be fetched to know it [M-8]", () => {
  const { log, stored } = logOf([1, 1, 2, 2]);
  log.commitTo(3);
  stored.unavailableUpTo = 4;
  const asked: string[] = [];
  let configurations: readonly number[] = [4];
  Object.assign(stored, {
    hasConfiguration: (from: number, to: number) => {
      asked.push(`${from}-${to}`);
      return configurations.some((index) => index >= from && index <= to);
    },
  });
  expect(log.hasUnappliedConfigurationChange()).toBe(false);
  configurations = [2];
  expect(log.hasUnappliedConfigurationChange()).toBe(true);
  expect(asked).toEqual(["1-3", "1-3"]);
});

test("what is handed out to be applied is limited over several batches, and one entry always passes", () => {
  const { log } = logOf([1, 1, 1, 1, 1], 5, { applyBytesMax: 40 });
  log.commitTo(5);
  expect(log.takeCommitted(false).map((one) => one.index)).toEqual([1, 2]);
  // The third would exceed the limit: it waits, and does not slip through as the first of a batch of its own.
  expect(log.hasNextCommitted(false)).toBe(false);
  log.appliedTo(1, 16);
  expect(log.takeCommitted(false).map((one) => one.index)).toEqual([3]);
  log.appliedTo(3, 32);
  expect(log.takeCommitted(false).map((one) => one.index)).toEqual([4, 5]);
});

test("a write that completes late does not make its successors durable [O-9]", () => {
  const { log, stored } = logOf([1, 1, 1, 1], 4);
  const write = (sent: Entry): void => {
    log.merge([sent]);
    stored.append(log.takePending().entries);
  };
  write(entry(5, 2));
  write(entry(5, 3));
  write(entry(5, 4));
  log.stableTo(5, 2);
  expect(log.stableIndex).toBe(4);
  log.stableTo(5, 3);
  expect(log.stableIndex).toBe(4);
  log.stableTo(5, 4);
  expect(log.stableIndex).toBe(5);
});

test("a snapshot replaces the whole log and holds applying back until it is installed", () => {
  const { log, stored } = logOf([1, 1, 1], 2);
  const configuration = {
    voters: [1],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
    highestReplica: 0,
  };
  log.restore({ index: 10, term: 3, configuration, data: noData });
  log.merge([entry(11, 3)]);
  log.commitTo(11);
  expect([log.firstIndex, log.lastIndex, log.commitIndex, log.term(10), log.term(3)]).toEqual([
    11,
    11,
    11,
    3,
    undefined,
  ]);
  const { snapshot, entries } = log.takePending();
  expect([snapshot?.index, entries.map((one) => one.index)]).toEqual([10, [11]]);
  stored.reset(snapshot!);
  stored.append(entries);
  expect(log.hasNextCommitted(false)).toBe(false);
  log.installed(10);
  log.appliedTo(10, 0);
  expect(log.takeCommitted(false).map((one) => one.index)).toEqual([11]);
});

test("a snapshot that takes the commit index back is refused [I-8]", () => {
  const { log } = logOf([1, 1, 1]);
  log.commitTo(3);
  const configuration = {
    voters: [1],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
    highestReplica: 0,
  };
  expect(() => log.restore({ index: 3, term: 1, configuration, data: noData })).toThrow("I-8");
});
