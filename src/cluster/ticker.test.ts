import { expect, test } from "vitest";
import { SimulatedWorld } from "../simulation/index.ts";
import { Ticker } from "./ticker.ts";

test("ticks keep to their schedule, and a busy moment does not shift it", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const { clock } = world.machine("n1").start();
  const times: number[] = [];
  const startMs = clock.nowMs();
  const ticker = new Ticker(clock, 100, () => times.push(Math.round(clock.nowMs() - startMs)));
  await world.run(1_050);
  expect(times).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
  ticker.stop();
  await world.run(500);
  expect(times).toHaveLength(10);
});

test("what was missed while the process stood still is counted, not made up for [H-4]", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const machine = world.machine("n1");
  const { clock } = machine.start();
  let count = 0;
  const ticker = new Ticker(clock, 100, () => count++);
  await world.run(250);
  machine.pause();
  await world.run(10_000);
  machine.resume();
  await world.run(10);
  expect(count).toBe(3);
  expect(ticker.missedCount).toBe(99);
  await world.run(500);
  expect(count).toBe(8);
});
