import { expect, test } from "vitest";
import { SimulatedWorld } from "../../simulation/index.ts";
import { Waves } from "./waves.ts";

/** Two waves may be under way; each group counts how often it was woken. */
function started() {
  const world = new SimulatedWorld({ seed: 1 });
  const waves = new Waves(world.machine("n1").start().clock, 2);
  const groups = [0, 1, 2].map(() => {
    const group = { wokenCount: 0, member: waves.member(() => group.wokenCount++) };
    return group;
  });
  const [a, b, c] = groups as [(typeof groups)[0], (typeof groups)[0], (typeof groups)[0]];
  /** One turn in which these groups send something off. */
  const turn = (...leaving: (typeof a)[]): void => {
    for (const { member } of leaving) {
      expect(member.mayLeave()).toBe(true);
      member.left();
    }
    waves.turned();
  };
  return { world, waves, a, b, c, turn };
}

test("all that leaves in one turn is one wave; the third wave waits until the first has arrived whole", () => {
  const { a, b, c, turn } = started();
  turn(a, b);
  turn(a);
  expect(c.member.mayLeave()).toBe(false);
  a.member.arrived();
  expect(c.wokenCount).toBe(0);
  expect(c.member.mayLeave()).toBe(false);
  b.member.arrived();
  expect(c.wokenCount).toBe(1);
  turn(c);
});

test("a group that joins the wave of this turn is not held up, however many are under way", () => {
  const { a, b, c, waves, turn } = started();
  turn(a);
  a.member.left();
  expect(b.member.mayLeave()).toBe(true);
  b.member.left();
  waves.turned();
  expect(c.member.mayLeave()).toBe(false);
});

test("what arrives within the turn in which it left makes room after it", () => {
  const { a, b, c, waves, turn } = started();
  turn(a);
  b.member.left();
  b.member.arrived();
  expect(c.member.mayLeave()).toBe(true);
  waves.turned();
  turn(c);
  expect(b.member.mayLeave()).toBe(false);
});

test("a group is woken once, and not if it has been forgotten; what it had under way makes room", () => {
  const { a, b, c, turn } = started();
  turn(a);
  turn(b);
  expect(c.member.mayLeave()).toBe(false);
  expect(c.member.mayLeave()).toBe(false);
  expect(a.member.mayLeave()).toBe(false);
  a.member.forgotten();
  expect([a.wokenCount, b.wokenCount, c.wokenCount]).toEqual([0, 0, 1]);
  b.member.arrived();
  expect(c.wokenCount).toBe(1);
});

test("a wave that does not arrive holds up the others for 100 ms and no longer; late arrivals change nothing", async () => {
  const { world, a, b, c, turn } = started();
  turn(a);
  await world.run(50);
  turn(b);
  expect(c.member.mayLeave()).toBe(false);
  await world.run(49);
  expect(c.wokenCount).toBe(0);
  await world.run(2);
  expect(c.wokenCount).toBe(1);
  turn(c);
  expect(c.member.mayLeave()).toBe(false);
  a.member.arrived();
  expect(c.wokenCount).toBe(1);
  await world.run(50);
  expect(c.wokenCount).toBe(2);
});

test("after stop nobody is woken", async () => {
  const { world, waves, a, b, c, turn } = started();
  turn(a);
  turn(b);
  expect(c.member.mayLeave()).toBe(false);
  waves.stop();
  await world.run(500);
  expect(c.wokenCount).toBe(0);
});
