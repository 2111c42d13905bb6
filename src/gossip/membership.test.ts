import fc from "fast-check";
import { expect, test } from "vitest";
import { SeededRandom } from "../simulation/index.ts";
import { LocalHealth } from "./local-health.ts";
import type { GossipEvent, MemberDetails, MemberState } from "./member.ts";
import { Membership } from "./membership.ts";
import { Rumours } from "./rumours.ts";
import { type GossipSettings, gossipDefaults } from "./settings.ts";
import { incarnationMax, type Update } from "./update.ts";

type Claim = Extract<Update, { readonly id: number }>;

function details(port: number, name = "n"): MemberDetails {
  return { name, zone: "", weight: 100, address: { host: "10.0.0.1", port }, addresses: [] };
}

function make(settings: Partial<GossipSettings> = {}, incarnation = 1) {
  const events: GossipEvent[] = [];
  const rumours = new Rumours();
  const health = new LocalHealth(8);
  const membership = new Membership({
    id: 1,
    incarnation,
    details: details(1),
    settings: { ...gossipDefaults, ...settings },
    random: new SeededRandom(1),
    rumours,
    health,
    onEvent: (event) => events.push(event),
  });
  return { membership, events, rumours, health };
}

function claim(kind: MemberState, id: number, incarnation: number, by = 9): Claim {
  if (kind === "alive") return { kind, id, incarnation, details: details(id) };
  return { kind, id, incarnation, by: kind === "left" ? id : by };
}

/** What member 2 is held for, at incarnation 5, after hearing that it is something at 4, 5 or 6. */
const after: Record<MemberState, Record<`${MemberState} ${4 | 5 | 6}`, MemberState>> = {
  alive: {
    "alive 4": "alive",
    "alive 5": "alive",
    "alive 6": "alive",
    "suspect 4": "alive",
    "suspect 5": "suspect",
    "suspect 6": "suspect",
    "dead 4": "alive",
    "dead 5": "dead",
    "dead 6": "dead",
    "left 4": "alive",
    "left 5": "left",
    "left 6": "left",
  },
  suspect: {
    "alive 4": "suspect",
    "alive 5": "suspect",
    "alive 6": "alive",
    "suspect 4": "suspect",
    "suspect 5": "suspect",
    "suspect 6": "suspect",
    "dead 4": "suspect",
    "dead 5": "dead",
    "dead 6": "dead",
    "left 4": "suspect",
    "left 5": "left",
    "left 6": "left",
  },
  dead: {
    "alive 4": "dead",
    "alive 5": "dead",
    "alive 6": "alive",
    "suspect 4": "dead",
    "suspect 5": "dead",
    "suspect 6": "dead",
    "dead 4": "dead",
    "dead 5": "dead",
    "dead 6": "dead",
    "left 4": "dead",
    "left 5": "left",
    "left 6": "left",
  },
  left: {
    "alive 4": "left",
    "alive 5": "left",
    "alive 6": "alive",
    "suspect 4": "left",
    "suspect 5": "left",
    "suspect 6": "left",
    "dead 4": "left",
    "dead 5": "left",
    "dead 6": "dead",
    "left 4": "left",
    "left 5": "left",
    "left 6": "left",
  },
};

test.for(
  Object.entries(after).flatMap(([held, outcomes]) =>
    Object.entries(outcomes).map(([heard, is]) => ({ held, heard, is })),
  ),
)("a member that is $held at 5 and is said to be $heard is $is [W-2]", ({ held, heard, is }) => {
  const { membership } = make();
  membership.apply(claim("alive", 2, 5), 0);
  membership.apply(claim(held as MemberState, 2, 5), 0);
  const [kind = "", incarnation = ""] = heard.split(" ");
  membership.apply(claim(kind as MemberState, 2, Number(incarnation)), 0);
  expect(membership.find(2)?.state).toBe(is);
});

test("claims about the living that come in any order, and again, leave the same behind [W-2]", () => {
  const claims = fc.array(
    fc.record({
      kind: fc.constantFrom<MemberState>("alive", "suspect", "dead", "left"),
      id: fc.integer({ min: 2, max: 4 }),
      incarnation: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(claims, fc.nat(), (drawn, seed) => {
      // Whoever knows of a life at all was told of it first; without that, an accusation says nothing of where it lives.
      const told = drawn.map(({ kind, id, incarnation }) => claim(kind, id, incarnation));
      const lives = new Map<string, Claim>();
      for (const { id, incarnation } of told) lives.set(`${id} ${incarnation}`, claim("alive", id, incarnation));
      const outcome = (rest: readonly Claim[]): unknown => {
        const { membership } = make();
        for (const each of [...lives.values(), ...rest]) membership.apply(each, 0);
        return membership.members().map(({ id, incarnation, state }) => [id, incarnation, state]);
      };
      const shuffled = new SeededRandom(seed).shuffle([...told, ...told]);
      expect(outcome(shuffled)).toEqual(outcome(told));
    }),
  );
});

test("only a member itself raises its incarnation: what is said of it, it contradicts with a higher one [W-2]", () => {
  for (const kind of ["suspect", "dead", "left"] as const) {
    const { membership, rumours } = make({}, 4);
    rumours.take(10_000, 1);
    membership.apply(claim(kind, 1, 4), 0);
    expect(membership.find(1)).toMatchObject({ state: "alive", incarnation: 5 });
    expect(rumours.tellsOfMember(1)).toBe(true);
    membership.apply(claim(kind, 1, 4), 0);
    expect(membership.incarnation).toBe(5);
  }
  const { membership } = make();
  membership.apply(claim("alive", 2, 5), 0);
  membership.accuse(2, 0);
  expect(membership.find(2)).toMatchObject({ state: "suspect", incarnation: 5 });
});

test("a member that comes back with a lower incarnation learns of the old one, and goes above it [W-6]", () => {
  for (const heard of [claim("alive", 1, 7), claim("suspect", 1, 7), claim("dead", 1, 7), claim("left", 1, 7)]) {
    const { membership } = make({}, 1);
    membership.apply(heard, 0);
    expect(membership.incarnation).toBe(8);
  }
});

test("the same life with other details is another life, and is topped; its own echo is not [W-6]", () => {
  const { membership } = make({}, 3);
  membership.apply({ kind: "alive", id: 1, incarnation: 3, details: details(1) }, 0);
  expect(membership.incarnation).toBe(3);
  membership.apply({ kind: "alive", id: 1, incarnation: 3, details: details(77) }, 0);
  expect(membership.incarnation).toBe(4);
});

test("an incarnation that cannot be topped is not, and breaks nothing", () => {
  const { membership } = make();
  membership.apply(claim("dead", 1, incarnationMax), 0);
  expect(membership.incarnation).toBe(1);
});

test("a suspicion that is not contradicted ends in death, with what it takes in time by the number of members [W-3]", () => {
  const endOf = (count: number): number => {
    const { membership } = make();
    for (let id = 2; id <= count; id++) membership.apply(claim("alive", id, 1), 0);
    membership.apply(claim("suspect", 2, 1, 101), 0);
    for (const accuser of [102, 103, 104]) membership.apply(claim("suspect", 2, 1, accuser), 0);
    return membership.wakeAtMs;
  };
  expect([3, 10, 100, 500].map((count) => Math.round(endOf(count)))).toEqual([5_000, 5_000, 10_000, 13_495]);
  const { membership, events } = make();
  for (const id of [2, 3]) membership.apply(claim("alive", id, 1), 0);
  membership.accuse(2, 100);
  membership.tick(5_099);
  expect(membership.find(2)?.state).toBe("suspect");
  membership.tick(5_100);
  expect(membership.find(2)?.state).toBe("dead");
  expect(events.map(({ type }) => type)).toEqual(["joined", "joined", "suspected", "died"]);
});

test("a confirmation by somebody new is passed on, one that was heard before is not [W-3]", () => {
  const { membership, rumours } = make();
  for (let id = 2; id <= 9; id++) membership.apply(claim("alive", id, 1), 0);
  const tells = (update: Claim): boolean => {
    while (rumours.count > 0) rumours.take(10_000, 1);
    membership.apply(update, 0);
    return rumours.tellsOfMember(2);
  };
  expect([3, 3, 4, 5, 6, 7].map((by) => tells(claim("suspect", 2, 1, by)))).toEqual([
    true,
    false,
    true,
    true,
    true,
    false,
  ]);
});

test("events tell what changed, and nothing twice", () => {
  const { membership, events } = make();
  const steps: Claim[] = [
    claim("alive", 2, 1),
    claim("alive", 2, 1),
    claim("suspect", 2, 1),
    claim("suspect", 2, 1),
    claim("alive", 2, 2),
    { kind: "alive", id: 2, incarnation: 3, details: details(2, "renamed") },
    claim("alive", 2, 4),
    claim("left", 2, 4),
    claim("dead", 2, 5),
    claim("alive", 2, 6),
    claim("dead", 2, 6),
  ];
  for (const step of steps) membership.apply(step, 0);
  expect(events.map(({ type }) => type)).toEqual([
    "joined",
    "suspected",
    "trusted",
    "updated",
    "updated",
    "left",
    "joined",
    "died",
  ]);
});

test("there is room for so many, the dead give way to the living, and what finds no room is counted", () => {
  const { membership } = make({ membersMax: 4 });
  for (const id of [2, 3, 4, 5]) membership.apply(claim("alive", id, 1), 0);
  expect(membership.members().map(({ id }) => id)).toEqual([1, 2, 3, 4]);
  expect(membership.refusedCount).toBe(1);
  membership.apply(claim("dead", 3, 1), 10);
  membership.apply(claim("dead", 2, 1), 20);
  membership.apply(claim("alive", 6, 1), 30);
  expect(membership.members().map(({ id }) => id)).toEqual([1, 2, 4, 6]);
});

test("the dead are forgotten after their time, the living never", () => {
  const { membership } = make({ deadKeptMs: 1_000 });
  for (const id of [2, 3]) membership.apply(claim("alive", id, 1), 0);
  membership.apply(claim("dead", 3, 1), 500);
  membership.forgetDead(1_500);
  expect(membership.members()).toHaveLength(3);
  membership.forgetDead(1_501);
  expect(membership.members().map(({ id }) => id)).toEqual([1, 2]);
});

test("digests are the same for those who know the same, in whatever order they heard it", () => {
  const one = make().membership;
  const other = make().membership;
  for (const id of [2, 3, 4]) one.apply(claim("alive", id, id), 0);
  for (const id of [4, 2, 3]) other.apply(claim("alive", id, id), 0);
  expect(one.digest()).toBe(other.digest());
  other.apply(claim("suspect", 3, 3), 0);
  expect(one.digest()).toBe(other.digest());
  other.apply(claim("alive", 3, 4), 0);
  expect(one.digest()).not.toBe(other.digest());
});
