import { expect, test } from "vitest";
import type { PeerLinks } from "../net/index.ts";
import type { HostedGroup } from "./hosted-group.ts";
import { HostedGroups } from "./hosted-groups.ts";
import { LeadershipMoves } from "./leadership-moves.ts";

interface Led {
  readonly moves: LeadershipMoves;
  /** What was handed over, and to whom. */
  readonly given: string[];
}

/** Node 1 leads all shards, whose voters are nodes 1 to 3. */
function leadingAll(stayingVoters: readonly number[], up: readonly number[]): Led {
  const groups = new HostedGroups([0, 1, 2, 3]);
  const given: string[] = [];
  const close = { isLearner: false, kind: "replicate", isRecentlyActive: true, matchIndex: 9 };
  const progress = [2, 3].map((id) => ({ id, ...close }));
  for (const group of [0, 1, 2, 3]) {
    const replica = {
      isLeading: true,
      route: { leader: 1, term: 1 },
      core: { status: () => ({ progress }), lastIndex: 9 },
      handOver: (isFit: (nodeId: number) => boolean) => given.push(`${group} to ${[2, 3].filter(isFit)}`),
    };
    groups.add({ group, replica, voters: [1, 2, 3], stayingVoters } as unknown as HostedGroup);
  }
  const moves = new LeadershipMoves({
    groups,
    directory: { nodeId: 1, peerIds: [2, 3] },
    settings: { tickMs: 100 },
    links: () => ({ link: (id: number) => (up.includes(id) ? {} : undefined) }) as unknown as PeerLinks,
    isPeerFull: () => false,
  });
  return { moves, given };
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
])("leadership is not given to node $to: $obstacle", ({ to, staying, up, obstacle }) => {
  const { moves, given } = leadingAll(staying, up);
  expect(moves.give(1, to)).toBe(obstacle);
  expect(given).toEqual([]);
});
