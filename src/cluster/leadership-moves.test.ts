import { expect, test } from "vitest";
import type { PeerLinks } from "../net/index.ts";
import type { HostedGroup } from "./hosted-group.ts";
import { HostedGroups } from "./hosted-groups.ts";
import { LeadershipMoves } from "./leadership-moves.ts";

/** What node 1 hands over within some looks, where it leads all shards, whose voters are nodes 1 to 3. */
function handedOver(stayingVoters: readonly number[], up: readonly number[]): readonly string[] {
  const groups = new HostedGroups([0, 1, 2, 3]);
  const given: string[] = [];
  for (const group of [0, 1, 2, 3]) {
    const replica = {
      isLeading: true,
      route: { leader: 1, term: 1 },
      isCaughtUp: () => true,
      handOver: (isFit: (nodeId: number) => boolean) => given.push(`${group} to ${[2, 3].filter(isFit)}`),
    };
    groups.add({ group, replica, voters: [1, 2, 3], stayingVoters } as unknown as HostedGroup);
  }
  const moves = new LeadershipMoves({
    groups,
    nodeId: 1,
    peerIds: () => [2, 3],
    links: () => ({ link: (id: number) => (up.includes(id) ? {} : undefined) }) as unknown as PeerLinks,
    isPeerFull: () => false,
  });
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
