import { expect, test } from "vitest";
import { hearersOf, Silences, type WitnessedShard } from "./silences.ts";

/** At a node with peers 2 to 5, which it has heard at these times. */
function silences(heardMs: Readonly<Record<number, number>>): { silences: Silences; clock: { now: number } } {
  const clock = { now: 0 };
  const options = { nowMs: () => clock.now } as never;
  const made = new Silences({ clock: options, peerIds: () => [2, 3, 4, 5], heardMs: (id) => heardMs[id] });
  return { silences: made, clock };
}

test("who was not heard for five seconds is silent, and so is who was never heard: who has just started is no witness", () => {
  const { silences: own, clock } = silences({ 2: 10_000, 3: 4_000, 4: 5_000 });
  clock.now = 10_000;
  expect(own.own).toEqual([3, 5]);
});

test("of more than a cluster can have, the rest count as heard", () => {
  const peerIds = Array.from({ length: 1_100 }, (_, at) => at + 2);
  const clock = { nowMs: () => 0 } as never;
  const own = new Silences({ clock, peerIds: () => peerIds, heardMs: () => undefined }).own;
  expect(own).toEqual(peerIds.slice(0, 1_024));
});

test("what a node said more than five seconds ago says nothing", () => {
  const { silences: told, clock } = silences({});
  expect(told.of(2)).toBeUndefined();
  told.told(2, [4]);
  told.told(3, []);
  clock.now = 5_000;
  expect([told.of(2), told.of(3)]).toEqual([[4], []]);
  clock.now = 5_001;
  expect([told.of(2), told.of(3)]).toEqual([undefined, undefined]);
});

interface Case {
  readonly name: string;
  readonly shards: readonly WitnessedShard[];
  /** Whom each node does not hear; who is missing says nothing. */
  readonly silent: Readonly<Record<number, readonly number[]>>;
  readonly hearers: readonly number[];
}

const cases: readonly Case[] = [
  { name: "its leader hears it", shards: [{ nodes: [2, 3, 9], leader: 2 }], silent: { 2: [], 3: [9] }, hearers: [2] },
  { name: "its leader does not", shards: [{ nodes: [2, 3, 9], leader: 2 }], silent: { 2: [9], 3: [] }, hearers: [] },
  {
    name: "one leader of two does",
    shards: [
      { nodes: [2, 3, 9], leader: 2 },
      { nodes: [3, 4, 9], leader: 3 },
    ],
    silent: { 2: [9], 3: [], 4: [9] },
    hearers: [3],
  },
  { name: "it leads itself", shards: [{ nodes: [2, 3, 9], leader: 9 }], silent: { 2: [9], 3: [] }, hearers: [3] },
  { name: "nobody leads", shards: [{ nodes: [2, 3, 9], leader: undefined }], silent: { 2: [9], 3: [] }, hearers: [3] },
  {
    name: "nobody leads or hears it",
    shards: [{ nodes: [2, 3, 9], leader: undefined }],
    silent: { 2: [9] },
    hearers: [],
  },
  { name: "its leader says nothing", shards: [{ nodes: [2, 3, 9], leader: 2 }], silent: { 3: [] }, hearers: [3] },
  { name: "all of them say nothing", shards: [{ nodes: [2, 3, 9], leader: 2 }], silent: { 4: [] }, hearers: [] },
  {
    name: "those who hear it have nothing to do with it",
    shards: [{ nodes: [2, 3], leader: 2 }],
    silent: { 2: [] },
    hearers: [],
  },
];

test.for(cases)("who hears a node elsewhere: $name: $hearers", ({ shards, silent, hearers }) => {
  expect(hearersOf(9, shards, (witness) => silent[witness])).toEqual(hearers);
});
