import { expect, test } from "vitest";
import {
  HashRing,
  pictureOwner,
  picturePlan,
  pictureRing,
  plan,
  textOfOwner,
  textOfPlan,
  textOfRing,
} from "./index.ts";

const ring = new HashRing([{ id: "n1" }, { id: "n2", zone: "b" }, { id: "n3", weight: 200 }], { pointsPerNode: 4 });

test("an owner: where the key stands, the point that it meets, and who follows", () => {
  const picture = pictureOwner(ring, "user:7", 3);
  const points = [...ring.points()];
  expect(picture.position).toBe(ring.positionOf("user:7"));
  expect(points.find(({ position }) => position === picture.point)?.id).toBe(picture.owner);
  expect(points.some(({ position }) => position >= picture.position && position < picture.point)).toBe(false);
  expect(picture.successors).toEqual(ring.successorsOf("user:7", 3));
  expect(JSON.parse(JSON.stringify(picture))).toEqual(picture);
  expect(textOfOwner(picture)).toMatchInlineSnapshot(`
    "key        user:7
    position   0xb6bc35c4, 71.4 % of the way round
    point      0xb78989a1 of n2
    owner      n2
    then       n1, n3"
  `);
});

test("a key behind the last point meets the first one", () => {
  const keys = Array.from({ length: 1_000 }, (_, at) => `key:${at}`);
  const points = [...ring.points()].map(({ position }) => position);
  const key = keys.find((each) => ring.positionOf(each) > (points.at(-1) ?? 0)) ?? "none";
  expect(pictureOwner(ring, key, 1)).toMatchObject({ point: points[0], owner: [...ring.points()][0]?.id });
});

test("a ring: a line a node, with its share", () => {
  expect(JSON.parse(JSON.stringify(pictureRing(ring)))).toEqual(pictureRing(ring));
  expect(textOfRing(pictureRing(ring))).toMatchInlineSnapshot(`
    "node  weight  zone  share
    n1    100     -     13.7 %  ██████████
    n2    100     b     32.6 %  ████████████████████████
    n3    200     -     53.7 %  ████████████████████████████████████████
    3 nodes at 16 points"
  `);
});

test("a plan: its moves, what each node holds, and the sum", () => {
  const options = { shards: 4, replicas: 2 };
  const before = plan([], [{ id: 1 }, { id: 2 }, { id: 3 }], options);
  const after = plan(before.placement, [{ id: 1 }, { id: 2 }, { id: 4 }], options);
  expect(textOfPlan(picturePlan(after))).toMatchInlineSnapshot(`
    "shard  from  to  why
    0      3     4   left
    1      3     4   left
    2      3     4   left

    node  before  after  fair share  bound
    1     3       3      2.7         4
    2     2       2      2.7         4
    4     0       3      2.7         4

    3 of 8 replicas move (37.5 %)"
  `);
  expect(textOfPlan(picturePlan(plan(after.placement, [{ id: 1 }, { id: 2 }, { id: 4 }], options)))).toBe(
    "nothing moves",
  );
});
