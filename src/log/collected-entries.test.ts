import { expect, test } from "vitest";
import { entries, entry, filler, openLog, plain, SimulatedHost } from "../../test/log/fixture.ts";
import { CollectedEntries, type CollectedRun } from "./collected-entries.ts";
import type { Log } from "./log.ts";
import { StoredGroup } from "./stored-group.ts";

async function twoGroups(): Promise<readonly [StoredGroup, StoredGroup]> {
  const { log }: { readonly log: Log } = await openLog(new SimulatedHost());
  const [one, two] = [log.group(1), log.group(2)];
  if (!(one instanceof StoredGroup && two instanceof StoredGroup)) throw new Error("groups of a log on disk");
  return [one, two];
}

function described(runs: readonly CollectedRun[]): readonly string[] {
  return runs.map(({ group, entries: of }) => `${group.group}: ${of.map(({ index }) => index).join(" ")}`);
}

test("entries come out group after group, in order, whatever the order in which they came", async () => {
  const [one, two] = await twoGroups();
  const collected = new CollectedEntries();
  collected.add(one, entries(7, 8, 1));
  collected.add(two, entries(1, 2, 1));
  collected.add(one, entries(1, 3, 1));
  collected.add(two, entries(3, 3, 1));
  expect(collected.bytes).toBe(8 * (24 + 3));
  const runs = collected.take(1_000_000, () => true);
  expect(described(runs)).toEqual(["1: 1 2 3", "1: 7 8", "2: 1 2 3"]);
  expect(plain(runs.flatMap((run) => run.entries))).toEqual(
    plain([...entries(1, 3, 1), ...entries(7, 8, 1), ...entries(1, 3, 1)]),
  );
  expect([collected.bytes, collected.take(1_000_000, () => true)]).toEqual([0, []]);
});

test("no more is taken at once than fits, but one entry that is larger; what came since comes along", async () => {
  const [one, two] = await twoGroups();
  const collected = new CollectedEntries();
  collected.add(one, [...entries(1, 3, 1, 100), entry(4, 1, filler(500_000, 1)), entry(5, 1)]);
  collected.add(two, entries(1, 1, 1, 100));
  expect(described(collected.take(300, () => true))).toEqual(["1: 1 2"]);
  collected.add(one, entries(6, 6, 1));
  expect(described(collected.take(300, () => true))).toEqual(["1: 3"]);
  expect(described(collected.take(300, () => true))).toEqual(["1: 4"]);
  expect(described(collected.take(300, () => true))).toEqual(["1: 5 6", "2: 1"]);
  expect(described(collected.take(300, () => true))).toEqual([]);
});

test("what is not wanted any more is left out when it is taken, and splits what was around it", async () => {
  const [one, two] = await twoGroups();
  const collected = new CollectedEntries();
  collected.add(one, entries(1, 5, 1));
  collected.add(two, entries(1, 2, 1));
  const runs = collected.take(1_000_000, (group, { index }) => group === one && index !== 3);
  expect(described(runs)).toEqual(["1: 1 2", "1: 4 5"]);
  expect(collected.bytes).toBe(0);
});

test.for([10, 100_000])("%d bytes that were read are not kept with what they were read with", async (bytes) => {
  const [one] = await twoGroups();
  const collected = new CollectedEntries();
  const read = filler(1_000_000, 3);
  collected.add(one, [entry(1, 1, read.subarray(5, 5 + bytes))]);
  const before = read.slice(5, 5 + bytes);
  read.fill(0);
  const [run] = collected.take(1_000_000, () => true);
  const [found] = run?.entries ?? [];
  expect(found?.kind === "normal" && Buffer.compare(found.data, before)).toBe(0);
  expect(found?.kind === "normal" && found.data.buffer.byteLength).toBeLessThan(read.length / 2);
});
