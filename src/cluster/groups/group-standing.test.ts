import { expect, test } from "vitest";
import { replicaOf } from "../replica/replica-id.ts";
import { type FoundGroup, type GroupStanding, groupStanding } from "./group-standing.ts";

const firstReplica = replicaOf(3, 0);
const second = replicaOf(3, 1);
const third = replicaOf(3, 4);

interface Case {
  readonly what: string;
  readonly log?: Partial<FoundGroup["log"]>;
  readonly remembered?: number;
  readonly isFirst?: boolean;
  readonly standing: GroupStanding;
}

const cases: readonly Case[] = [
  { what: "a first member at its first start", isFirst: true, standing: "replica" },
  { what: "a first member whose log is damaged", isFirst: true, log: { isDamaged: true }, standing: "replica" },
  { what: "nobody at the first start", standing: "none" },
  { what: "nobody, in a log that is damaged", log: { isDamaged: true }, standing: "gone" },
  { what: "one that has begun", log: { replica: second }, remembered: second, standing: "replica" },
  { what: "one that was to begin where nobody was", remembered: second, standing: "replica" },
  { what: "one that was to begin behind a first one", isFirst: true, remembered: second, standing: "replica" },
  {
    what: "one that was to begin behind another",
    log: { replica: second },
    remembered: third,
    standing: "replica",
  },
  { what: "a first one whose end was noted, and no more", isFirst: true, remembered: firstReplica, standing: "gone" },
  {
    what: "a first one whose end was noted, and whose log lost it",
    isFirst: true,
    log: { isDamaged: true },
    remembered: firstReplica,
    standing: "gone",
  },
  {
    what: "a first one that has ended",
    isFirst: true,
    log: { replica: firstReplica, isEnded: true },
    remembered: firstReplica,
    standing: "none",
  },
  { what: "a later one that has ended", log: { replica: second, isEnded: true }, remembered: second, standing: "none" },
  {
    what: "one that has ended, in a log that was damaged before",
    log: { replica: second, isEnded: true, isDamaged: true },
    remembered: second,
    standing: "none",
  },
  {
    what: "one that was to begin behind an end",
    log: { replica: second, isEnded: true },
    remembered: third,
    standing: "replica",
  },
  {
    what: "one that ended without being noted: it never was to begin",
    log: { replica: second, isEnded: true },
    standing: "none",
  },
];

test.for(cases)("a node that starts finds $what: $standing [M-10, C-4]", (each) => {
  const log = { replica: 0, isEnded: false, isDamaged: false, ...each.log };
  const found = { log, remembered: each.remembered ?? 0, isFirst: each.isFirst ?? false, firstReplica };
  expect(groupStanding(found)).toBe(each.standing);
});
