import { expect, test } from "vitest";
import { SimulatedWorld } from "../../simulation/index.ts";
import { type Checksum, Checksums, noChecksum } from "./checksums.ts";

function replica(intervalMs = 10_000) {
  const world = new SimulatedWorld({ seed: 1 });
  const { clock } = world.machine("n1").start();
  const proposed: string[][] = [];
  const announced: Checksum[] = [];
  const differences: number[] = [];
  const lacks: number[] = [];
  const checksums = new Checksums({
    clock,
    intervalMs,
    voterCount: () => 3,
    propose: (args) => proposed.push(args.texts()),
    announce: (checksum) => announced.push(checksum),
    tellLack: () => lacks.push(clock.nowMs()),
    onDifference: (index) => differences.push(index),
  });
  return { world, checksums, proposed, announced, differences, lacks };
}

test("a round goes through the keys in parts, one after the other, every so often", async () => {
  const { world, checksums, proposed, announced } = replica();
  checksums.tick();
  expect(proposed).toEqual([]);
  await world.run(10_000);
  checksums.tick();
  checksums.tick();
  expect(proposed).toEqual([["CHECKSUM", "0", "10000"]]);
  checksums.computed(5, 0, ["aa", 700]);
  expect(checksums.finished).toEqual([]);
  checksums.tick();
  expect(proposed[1]).toEqual(["CHECKSUM", "700", "10000"]);
  checksums.computed(8, 700, ["bb", 0]);
  expect(checksums.finished).toHaveLength(1);
  expect(checksums.finished[0]).toMatchObject({ index: 8, digest: expect.stringMatching(/^[0-9a-f]{32}$/) });
  checksums.tick();
  expect(proposed).toHaveLength(2);
  expect(announced).toEqual([
    { index: 5, digest: "aa" },
    { index: 8, digest: "bb" },
  ]);
});

test("a digest of everything at once is the digest of the round", () => {
  const { checksums } = replica();
  checksums.computed(5, 0, ["aa", 0]);
  expect(checksums.finished).toEqual([{ index: 5, digest: "aa" }]);
});

test("a part whose beginning was missed makes no round", () => {
  const { checksums } = replica();
  checksums.computed(8, 700, ["bb", 0]);
  expect(checksums.finished).toEqual([]);
});

test("who asks gets a round soon, but not again and again", async () => {
  const { world, checksums, proposed } = replica();
  await world.run(1_000);
  checksums.wanted(7);
  checksums.tick();
  expect(proposed).toHaveLength(1);
  checksums.computed(8, 0, ["aa", 0]);
  checksums.wanted(9);
  checksums.tick();
  await world.run(2_000);
  checksums.wanted(8);
  checksums.tick();
  expect(proposed).toHaveLength(1);
  checksums.wanted(9);
  checksums.tick();
  expect(proposed).toHaveLength(2);
});

test("who has finished no round, or was sent a snapshot since, says so when a digest is wanted", () => {
  const { checksums, lacks } = replica();
  checksums.wanted(7);
  expect(lacks).toHaveLength(1);
  checksums.computed(8, 0, ["aa", 0]);
  checksums.wanted(9);
  expect(lacks).toHaveLength(1);
  checksums.skipped();
  checksums.wanted(8);
  expect(lacks).toHaveLength(2);
  checksums.computed(10, 700, ["bb", 0]);
  checksums.wanted(10);
  expect(lacks).toHaveLength(3);
});

test("a replica without a digest gets a round though nothing is new, and ever more seldom if it takes part in none", async () => {
  const { world, checksums, proposed } = replica(100_000);
  /** How many rounds there are in so many seconds of questions, all answered by replica 2 that it has no digest. */
  const rounds = async (seconds: number): Promise<number> => {
    const before = proposed.length;
    for (let quarter = 0; quarter < 4 * seconds; quarter++) {
      await world.run(250);
      checksums.wanted(proposed.length);
      checksums.heard(2, noChecksum);
      const count = proposed.length;
      checksums.tick();
      if (proposed.length > count) checksums.computed(proposed.length, 0, ["aa", 0]);
    }
    return proposed.length - before;
  };
  // The first one since it is new, then after 1, 2, 4, 8 and 16 seconds.
  expect(await rounds(34)).toBe(6);
  expect(await rounds(29)).toBe(0);
  checksums.heard(2, { index: proposed.length, digest: "aa" });
  expect(await rounds(1)).toBe(1);
});

test("what was dropped on the way is proposed again", async () => {
  const { world, checksums, proposed } = replica();
  await world.run(10_000);
  checksums.tick();
  checksums.dropped();
  checksums.tick();
  expect(proposed).toHaveLength(2);
});

test("only a majority that agrees against us stops us [D-11]", () => {
  const { checksums, differences } = replica();
  checksums.heard(2, { index: 5, digest: "other" });
  checksums.computed(5, 0, ["own", 0]);
  expect(differences).toEqual([]);
  checksums.heard(3, { index: 5, digest: "third" });
  expect(differences).toEqual([]);
  checksums.computed(6, 0, ["own", 0]);
  checksums.heard(2, { index: 6, digest: "other" });
  checksums.heard(3, { index: 6, digest: "other" });
  expect(differences).toEqual([6]);
});
