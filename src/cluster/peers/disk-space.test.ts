import { describe, expect, test } from "vitest";
import { EntryWriter } from "../../keyspace/index.ts";
import { type AppendEntries, type Message, noData } from "../../raft/index.ts";
import { Arguments } from "../../resp/index.ts";
import { DiskSpace, stretchBytesMax } from "./disk-space.ts";

const appendBytesMax = 1_000;

interface Given {
  /** Nodes with full disks; this one is 1. */
  readonly full: readonly number[];
  readonly voters?: readonly number[];
  readonly unlinked?: readonly number[];
  readonly roomBeforeVitalBytes?: number;
  readonly roomForFreeingBytes?: number;
}

function space({ full, voters = [1, 2, 3], unlinked = [], ...rooms }: Given): DiskSpace {
  const { roomBeforeVitalBytes = 1_000, roomForFreeingBytes = 1_000 } = rooms;
  return new DiskSpace({
    directory: { nodeId: 1 },
    settings: { appendBytesMax },
    log: { isFull: full.includes(1), roomBeforeVitalBytes, roomForFreeingBytes },
    disks: { hasFullPeer: full.some((id) => id !== 1), isPeerFull: (id) => full.includes(id) },
    links: () => ({ link: (id) => (unlinked.includes(id) ? undefined : {}) }),
    votersOf: () => voters,
  });
}

/** An ordinary entry, and a vital one behind it. */
function append(to: number): AppendEntries {
  const entries = [new Uint8Array(500), noData].map((data, at) => {
    return { kind: "normal" as const, term: 2, index: 11 + at, data };
  });
  return { type: "appendEntries", from: 2, to, term: 2, previousIndex: 10, previousTerm: 1, entries, commit: 10 };
}

describe("whether a shard can do without full nodes", () => {
  test.for<Given & { readonly needsFull: boolean; readonly lacksSpace: boolean }>([
    { full: [], needsFull: false, lacksSpace: false },
    { full: [3], needsFull: false, lacksSpace: false },
    { full: [2, 3], needsFull: true, lacksSpace: true },
    { full: [1], needsFull: false, lacksSpace: true },
    { full: [1, 3], needsFull: true, lacksSpace: true },
    { full: [3], unlinked: [2], needsFull: true, lacksSpace: true },
    // Nothing is full here: that there is no majority is not for want of space.
    { full: [], unlinked: [2, 3], needsFull: true, lacksSpace: false },
    { full: [4, 5], voters: [1, 2, 3, 4, 5], needsFull: false, lacksSpace: false },
    { full: [3, 4], voters: [1, 2, 3, 4], needsFull: true, lacksSpace: true },
    { full: [3], voters: [2, 3], needsFull: true, lacksSpace: true },
  ])("full $full of $voters, unlinked $unlinked: $needsFull, $lacksSpace [D-7]", (given) => {
    const { needsFull, lacksSpace } = given;
    expect(space(given).needsFull(7)).toBe(needsFull);
    expect(space(given).lacksSpace(7)).toBe(lacksSpace);
  });
});

test("who has space is sent everything, and takes everything, at the usual size", () => {
  const whole = append(2);
  for (const full of [[], [3]]) {
    expect(space({ full }).sent(7, whole)).toBe(whole);
    expect(space({ full }).taken(7, whole)).toBe(whole);
    expect(space({ full }).appendBytesMax(7, 2)).toBe(appendBytesMax);
  }
});

test("a full node is sent and takes ordinary entries before vital ones only where no majority is without it [D-7]", () => {
  expect(space({ full: [3] }).sent(7, append(3))).toBeUndefined();
  expect(space({ full: [2, 3] }).sent(7, append(3))).toEqual(append(3));
  expect(space({ full: [1] }).taken(7, append(1))).toBeUndefined();
  expect(space({ full: [1, 3] }).taken(7, append(1))).toEqual(append(1));
});

test("it takes no more than its log has room for [D-7]", () => {
  expect(space({ full: [1, 3], roomBeforeVitalBytes: 523 }).taken(7, append(1))).toBeUndefined();
  expect(space({ full: [1, 3], roomBeforeVitalBytes: 524 }).taken(7, append(1))).toEqual(append(1));
});

test("what only frees space is taken by a full node that is needed, as far as there is room, and proposed [D-7]", () => {
  const writer = new EntryWriter();
  writer.begin();
  writer.add(Arguments.of(["DEL", "k"]));
  const data = writer.finish({ timeMs: 1, seedLow: 0, seedHigh: 0 });
  const of = (to: number): AppendEntries => ({
    ...append(to),
    entries: append(to).entries.map((entry, at) => (at === 1 ? { kind: "normal", term: 2, index: 12, data } : entry)),
  });
  const bytes = 2 * 24 + 500 + data.length;
  expect(space({ full: [2, 3] }).sent(7, of(3))).toEqual(of(3));
  expect(space({ full: [3] }).sent(7, of(3))).toBeUndefined();
  expect(space({ full: [1, 3], roomForFreeingBytes: bytes }).taken(7, of(1))).toEqual(of(1));
  expect(space({ full: [1, 3], roomForFreeingBytes: bytes - 1 }).taken(7, of(1))).toBeUndefined();
  expect(space({ full: [1] }).taken(7, of(1))).toBeUndefined();
  expect(space({ full: [1, 3], roomForFreeingBytes: 5 }).roomForFreeingBytes).toBe(5);
  expect(space({ full: [2, 3], roomForFreeingBytes: 5 }).roomForFreeingBytes).toBe(Number.POSITIVE_INFINITY);
});

test("to a full node that is needed one append carries the whole stretch [D-7]", () => {
  expect(space({ full: [3] }).appendBytesMax(7, 3)).toBe(appendBytesMax);
  expect(space({ full: [2, 3] }).appendBytesMax(7, 3)).toBe(stretchBytesMax);
});

const vote = {
  type: "requestVoteResponse",
  from: 1,
  to: 2,
  term: 2,
  isPreVote: true,
  granted: true,
  commit: 0,
  commitTerm: 0,
} as const;
const answer = { type: "appendEntriesResponse", from: 1, to: 2, term: 2, index: 1, hintIndex: 0, hintTerm: 0 } as const;

test.for<{
  readonly name: string;
  readonly full: readonly number[];
  readonly message: Message;
  readonly isVital: boolean;
}>([
  { name: "a vote", full: [1, 3], message: vote, isVital: true },
  { name: "a refused append", full: [1, 3], message: { ...answer, rejected: true }, isVital: true },
  { name: "an append that was taken", full: [1, 3], message: { ...answer, rejected: false }, isVital: false },
  { name: "a vote that others make up for", full: [1], message: vote, isVital: false },
  { name: "a vote of a node with space", full: [2, 3], message: vote, isVital: false },
])("$name, where $full are full, waits behind entries without space: not if $isVital [D-7]", (given) => {
  const nothing = { id: 1, snapshot: undefined, entries: [], hardState: undefined, mustSync: false };
  const persist = { ...nothing, messages: [given.message] };
  expect(space({ full: given.full }).records(7, persist).isVital === true).toBe(given.isVital);
});
