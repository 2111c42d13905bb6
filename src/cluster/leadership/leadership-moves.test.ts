import { describe, expect, test } from "vitest";
import type { PeerLinks } from "../../net/index.ts";
import type { HostedGroup } from "../groups/hosted-group.ts";
import { HostedGroups } from "../groups/hosted-groups.ts";
import { LeadershipMoves } from "./leadership-moves.ts";

interface Led {
  readonly moves: LeadershipMoves;
  /** What was handed over, and to whom. */
  readonly given: string[];
  /** By group. */
  readonly hosted: readonly HostedGroup[];
}

/** What peers say of their disks. */
interface Disks {
  readonly full?: readonly number[];
  readonly slow?: readonly number[];
}

/** Node 1 leads all shards, whose voters are nodes 1 to 3; of these `behind` follows from afar. */
function leadingAll(
  stayingVoters: readonly number[],
  up: readonly number[],
  { full = [], slow = [], behind }: Disks & { readonly behind?: number } = {},
): Led {
  const groups = new HostedGroups([0, 1, 2, 3]);
  const given: string[] = [];
  const all: HostedGroup[] = [];
  const close = { isLearner: false, kind: "replicate", isRecentlyActive: true };
  const progress = [2, 3].map((id) => ({ id, ...close, matchIndex: id === behind ? 9 : 99 }));
  for (const group of [0, 1, 2, 3]) {
    const replica = {
      group,
      isLeading: true,
      route: { leader: 1, term: 1 },
      core: { status: () => ({ progress }), lastIndex: 99 },
      handOverTarget: undefined as number | undefined,
      handOver: (isFit: (nodeId: number) => boolean = () => true) => {
        const [to] = [2, 3].filter(isFit);
        replica.handOverTarget = to;
        if (to !== undefined) given.push(`${group} to ${to}`);
      },
    };
    const hosted = { group, replica, voters: [1, 2, 3], stayingVoters } as unknown as HostedGroup;
    groups.add(hosted);
    all.push(hosted);
  }
  const moves = new LeadershipMoves({
    groups,
    directory: { nodeId: 1, peerIds: [2, 3] },
    settings: { tickMs: 100 },
    links: () => ({ link: (id: number) => (up.includes(id) ? {} : undefined) }) as unknown as PeerLinks,
    disks: { isPeerFull: (id: number) => full.includes(id), isPeerSlow: (id: number) => slow.includes(id) },
  });
  return { moves, given, hosted: all };
}

/** What it hands over within some looks. */
function handedOver(stayingVoters: readonly number[], up: readonly number[]): readonly string[] {
  const { moves, given } = leadingAll(stayingVoters, up);
  for (let tick = 0; tick < 20; tick++) moves.tick();
  return [...new Set(given)];
}

test("leadership goes to the node that leads the fewest, of a shard and never of the directory", () => {
  expect(handedOver([1, 2, 3], [2, 3])).toEqual(["3 to 2"]);
  expect(handedOver([1, 2, 3], [3])).toEqual(["3 to 3"]);
  expect(handedOver([1, 2, 3], [])).toEqual([]);
});

test("it goes to no voter that is to give its place away [M-5, H-5]", () => {
  expect(handedOver([1, 3], [2, 3])).toEqual(["3 to 3"]);
  expect(handedOver([1, 3], [2])).toEqual([]);
});

test("what somebody wanted to be led here is not given to another node for ten minutes, or until it is wanted there [H-5]", () => {
  const { moves, given } = leadingAll([1, 2, 3], [2, 3]);
  for (const group of [1, 2, 3]) moves.keep(group);
  for (let tick = 0; tick < 5_999; tick++) moves.tick();
  expect(given).toEqual([]);
  expect(moves.give(2, 3)).toBeUndefined();
  expect(given.splice(0)).toEqual(["2 to 3"]);
  for (let tick = 0; tick < 20; tick++) moves.tick();
  expect(new Set(given)).toEqual(new Set(["3 to 2"]));
});

test("what was wanted elsewhere is no longer kept here", () => {
  const { moves, given } = leadingAll([1, 2, 3], [2, 3]);
  for (const group of [1, 2, 3]) moves.keep(group);
  moves.give(1, 2);
  given.splice(0);
  for (let tick = 0; tick < 20; tick++) moves.tick();
  expect(new Set(given)).toEqual(new Set(["1 to 2"]));
});

test.for([
  { to: 4, staying: [1, 2, 3], up: [2, 3], obstacle: "no-vote" },
  { to: 2, staying: [1, 3], up: [2, 3], obstacle: "leaving" },
  { to: 2, staying: [1, 2, 3], up: [3], obstacle: "away" },
  { to: 2, staying: [1, 2, 3], up: [2, 3], full: [2], obstacle: "full" },
  { to: 2, staying: [1, 2, 3], up: [2, 3], slow: [2], obstacle: "slow" },
  { to: 2, staying: [1, 2, 3], up: [2, 3], behind: 2, obstacle: "behind" },
])("leadership is not given to node $to: $obstacle", ({ to, staying, up, obstacle, ...disks }) => {
  const { moves, given } = leadingAll(staying, up, disks);
  expect(moves.give(1, to)).toBe(obstacle);
  expect(given).toEqual([]);
});

test("balance gives nothing to a node whose disk is slow beside the others' [H-7]", () => {
  const { moves, given } = leadingAll([1, 2, 3], [2, 3], { slow: [2] });
  for (let tick = 0; tick < 20; tick++) moves.tick();
  expect(new Set(given)).toEqual(new Set(["3 to 3"]));
});

describe("a node whose disk is slow", () => {
  const ticks = (led: Led, count: number): readonly string[] => {
    led.given.length = 0;
    // No balancing beside it.
    for (const { group } of led.hosted) led.moves.keep(group);
    for (let tick = 0; tick < count; tick++) {
      led.moves.tick();
      for (const hosted of led.hosted) led.moves.slow(hosted);
    }
    return led.given;
  };

  test("gives up one group a tick, each but once in ten seconds [H-7]", () => {
    const led = leadingAll([1, 2, 3], [2, 3]);
    expect(ticks(led, 3)).toEqual(["0 to 2", "1 to 2", "2 to 2"]);
    expect(ticks(led, 50)).toEqual(["3 to 2"]);
    for (const { replica } of led.hosted) Object.assign(replica, { handOverTarget: undefined });
    expect(ticks(led, 47)).toEqual([]);
    expect(ticks(led, 4)).toEqual(["0 to 2", "1 to 2", "2 to 2", "3 to 2"]);
  });

  test.for([
    { name: "another one is slow too", up: [2, 3], disks: { slow: [2] }, to: [3] },
    { name: "another one's is full", up: [2, 3], disks: { full: [2] }, to: [3] },
    { name: "another one is behind", up: [2, 3], disks: { behind: 2 }, to: [3] },
    { name: "another one is away", up: [3], disks: {}, to: [3] },
    { name: "all are slow", up: [2, 3], disks: { slow: [2, 3] }, to: [] },
    { name: "one is slow and the other behind", up: [2, 3], disks: { slow: [2], behind: 3 }, to: [] },
  ])("gives only to one that leads better: $name [H-7]", ({ up, disks, to }) => {
    const given = ticks(leadingAll([1, 2, 3], up, disks), 4);
    expect(given).toEqual(to.flatMap((node) => [0, 1, 2, 3].map((group) => `${group} to ${node}`)));
  });

  test("gives to no voter that is to give its place away", () => {
    expect(ticks(leadingAll([1, 3], [2, 3]), 4)).toEqual([0, 1, 2, 3].map((group) => `${group} to 3`));
  });

  test("gives to who leads the fewest", () => {
    const led = leadingAll([1, 2, 3], [2, 3]);
    Object.assign(led.hosted[1]?.replica.route ?? {}, { leader: 2 });
    expect(ticks(led, 1)).toEqual(["0 to 3"]);
  });

  test("gives at once when somebody comes who leads better", () => {
    const slow = [2, 3];
    const led = leadingAll([1, 2, 3], [2, 3], { slow });
    expect(ticks(led, 20)).toEqual([]);
    slow.pop();
    expect(ticks(led, 10)).toEqual(["0 to 3", "1 to 3", "2 to 3", "3 to 3"]);
  });
});

test("who is not fit to lead at all gives to one that is slow, if there is no other", () => {
  const unfit = (disks: Disks): readonly string[] => {
    const { moves, given, hosted } = leadingAll([1], [2, 3], disks);
    moves.tick();
    for (const each of hosted) moves.unfit(each);
    return given;
  };
  expect(unfit({ slow: [2] })).toEqual(["0 to 3"]);
  expect(unfit({ slow: [2], full: [3] })).toEqual(["0 to 2"]);
  expect(unfit({ full: [2, 3] })).toEqual([]);
});
