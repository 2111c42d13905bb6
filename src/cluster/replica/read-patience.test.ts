import { expect, test } from "vitest";
import { SimulatedWorld } from "../../simulation/index.ts";
import { ReadPatience } from "./read-patience.ts";

function started(patienceMs: number) {
  const world = new SimulatedWorld({ seed: 1 });
  const rounds = { oldest: undefined as number | undefined, askedCount: 0 };
  const patience = new ReadPatience(world.machine("n1").start().clock, patienceMs, {
    oldestRound: () => rounds.oldest,
    askEverybody: () => rounds.askedCount++,
  });
  const ask = (round: number): void => {
    rounds.oldest = round;
    patience.asked();
  };
  return { world, patience, rounds, ask };
}

test("a round that takes too long has everybody asked, once", async () => {
  const { world, rounds, ask } = started(4);
  ask(1);
  await world.run(3.9);
  expect(rounds.askedCount).toBe(0);
  await world.run(0.2);
  expect(rounds.askedCount).toBe(1);
  await world.run(100);
  expect(rounds.askedCount).toBe(1);
});

test("rounds that are confirmed in time, one after the other, have nobody asked; the next slow one does", async () => {
  const { world, rounds, ask } = started(4);
  for (let round = 1; round < 50; round++) {
    ask(round);
    await world.run(0.7);
    rounds.oldest = undefined;
    await world.run(0.1);
  }
  expect(rounds.askedCount).toBe(0);
  ask(50);
  await world.run(8.1);
  expect(rounds.askedCount).toBe(1);
});

test("who has no patience asks everybody at once, and who stops asks nobody", async () => {
  const none = started(0);
  none.ask(1);
  await none.world.run(100);
  expect(none.rounds.askedCount).toBe(0);
  const stopped = started(4);
  stopped.ask(1);
  stopped.patience.stop();
  await stopped.world.run(100);
  expect(stopped.rounds.askedCount).toBe(0);
});
