import fc from "fast-check";
import { expect, test } from "vitest";
import { leaderToMove } from "./leader-balance.ts";

test("nodes that give while they have two more than another come to rest, as even as can be [H-5]", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 64 }), (leaders) => {
      const nodes = [1, 2, 3, 4, 5];
      const groups = leaders.map((leader, at) => ({ group: at + 1, leader, voters: nodes }));
      let isMoving = true;
      for (let round = 0; isMoving; round++) {
        expect(round).toBeLessThan(300);
        // All at once, each from the same picture.
        const moves = nodes.map((self) =>
          leaderToMove(
            groups.map((group) => ({ ...group })),
            self,
            nodes.filter((node) => node !== self),
          ),
        );
        isMoving = moves.some((move) => move !== undefined);
        const [first] = moves.filter((move) => move !== undefined);
        const moved = groups.find(({ group }) => group === first?.group);
        if (moved !== undefined && first !== undefined) moved.leader = first.to;
      }
      const counts = nodes.map((node) => groups.filter(({ leader }) => leader === node).length);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }),
  );
});

test("groups without a leader count for nobody, and who leads nothing gives nothing", () => {
  const groups = [1, 2, 3].map((group) => ({ group, leader: 0, voters: [1, 2, 3] }));
  expect(leaderToMove(groups, 1, [2, 3])).toBeUndefined();
  expect(leaderToMove([], 1, [])).toBeUndefined();
});

test("a group goes only to a node that has a vote in it, and to the next best one where the poorest has none [H-5]", () => {
  const groups = [
    { group: 1, leader: 1, voters: [1, 2, 3] },
    { group: 2, leader: 1, voters: [1, 2, 4] },
    { group: 3, leader: 1, voters: [1, 2, 3] },
    { group: 4, leader: 3, voters: [3, 4, 5] },
    { group: 5, leader: 2, voters: [2, 4, 5] },
  ];
  expect(leaderToMove(groups, 1, [2, 3, 4, 5])).toEqual({ group: 2, to: 4 });
  expect(leaderToMove(groups, 1, [2, 3, 5])).toEqual({ group: 3, to: 2 });
  expect(leaderToMove(groups, 1, [5])).toBeUndefined();
});
