import fc from "fast-check";
import { expect, test } from "vitest";
import { committedIndex, majorityValue, voteResult } from "./quorum.ts";

const none = Number.POSITIVE_INFINITY;

test.for([
  { name: "nobody decides nothing", values: [], decided: none },
  { name: "one voter decides alone", values: [12], decided: 12 },
  { name: "two voters need both", values: [12, 5], decided: 5 },
  { name: "three voters ignore the slowest", values: [5, 9, 7], decided: 7 },
  { name: "three voters with one silent", values: [0, 9, 7], decided: 7 },
  { name: "three voters with two silent", values: [0, 9, 0], decided: 0 },
  { name: "four voters need three", values: [101, 104, 103, 103], decided: 103 },
  { name: "five voters need three", values: [101, 104, 103, 103, 102], decided: 103 },
  { name: "seven voters need four", values: [7, 1, 6, 2, 5, 3, 4], decided: 4 },
])("$name", ({ values, decided }) => {
  expect(majorityValue([...values])).toBe(decided);
});

test("the majority's value is the highest that more than half of the voters reached", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 9 }), (values) => {
      const decided = majorityValue([...values]);
      const quorum = Math.floor(values.length / 2) + 1;
      const reaching = (index: number): number => values.filter((value) => value >= index).length;
      expect(reaching(decided)).toBeGreaterThanOrEqual(quorum);
      expect(reaching(decided + 1)).toBeLessThan(quorum);
    }),
  );
});

test.for([
  { name: "an empty outgoing half agrees with anything", outgoing: [], committed: 8 },
  { name: "the slower half decides", outgoing: [3, 4, 5], committed: 2 },
  { name: "a half of one silent voter decides nothing", outgoing: [9], committed: 0 },
])("joint commit: $name", ({ outgoing, committed }) => {
  const acked = new Map([
    [1, 8],
    [2, 10],
    [3, 4],
    [4, 2],
    [5, 1],
  ]);
  expect(committedIndex({ incoming: [1, 2, 3], outgoing }, acked)).toBe(committed);
});

test("without voters at all everything is committed", () => {
  expect(committedIndex({ incoming: [], outgoing: [] }, new Map())).toBe(none);
});

const y = true;
const n = false;

test.for<{ name: string; incoming: number[]; outgoing: number[]; votes: [number, boolean][]; result: string }>([
  { name: "nobody to ask", incoming: [], outgoing: [], votes: [], result: "won" },
  { name: "nobody has answered", incoming: [1, 2, 3], outgoing: [], votes: [], result: "pending" },
  { name: "one of three", incoming: [1, 2, 3], outgoing: [], votes: [[1, y]], result: "pending" },
  {
    name: "two of three",
    incoming: [1, 2, 3],
    outgoing: [],
    votes: [
      [1, y],
      [3, y],
    ],
    result: "won",
  },
  {
    name: "two of three refuse",
    incoming: [1, 2, 3],
    outgoing: [],
    votes: [
      [1, n],
      [3, n],
    ],
    result: "lost",
  },
  {
    name: "two of four are no majority",
    incoming: [1, 2, 3, 4],
    outgoing: [],
    votes: [
      [1, y],
      [2, y],
    ],
    result: "pending",
  },
  {
    name: "two of four refuse",
    incoming: [1, 2, 3, 4],
    outgoing: [],
    votes: [
      [1, n],
      [2, n],
    ],
    result: "lost",
  },
  {
    name: "votes of others do not count",
    incoming: [1, 2, 3],
    outgoing: [],
    votes: [
      [1, y],
      [8, y],
      [9, y],
    ],
    result: "pending",
  },
  {
    name: "both halves won",
    incoming: [1, 2],
    outgoing: [2, 3],
    votes: [
      [1, y],
      [2, y],
      [3, y],
    ],
    result: "won",
  },
  {
    name: "one half won, one pending",
    incoming: [1, 2],
    outgoing: [3, 4],
    votes: [
      [1, y],
      [2, y],
    ],
    result: "pending",
  },
  {
    name: "one half won, one lost",
    incoming: [1, 2],
    outgoing: [3, 4],
    votes: [
      [1, y],
      [2, y],
      [3, n],
    ],
    result: "lost",
  },
  { name: "one half lost, one pending", incoming: [1, 2], outgoing: [3, 4], votes: [[1, n]], result: "lost" },
])("votes: $name", ({ incoming, outgoing, votes, result }) => {
  expect(voteResult({ incoming, outgoing }, new Map(votes))).toBe(result);
});

test("two majorities of one set of voters always have a voter in common [I-14]", () => {
  const voters = [1, 2, 3, 4, 5];
  const halves = { incoming: voters, outgoing: [] };
  fc.assert(
    fc.property(fc.subarray(voters), fc.subarray(voters), (one, other) => {
      const wins = (set: number[]): boolean => voteResult(halves, new Map(set.map((id) => [id, true]))) === "won";
      if (wins(one) && wins(other)) expect(one.some((id) => other.includes(id))).toBe(true);
    }),
  );
});
