import { expect, test } from "vitest";
import { NodeClock } from "./node-clock.ts";

test("a callback that throws at the end of a turn does not take the others with it", async () => {
  const clock = new NodeClock();
  const caught: unknown[] = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.once("uncaughtException", (error) => caught.push(error));
  const order = await new Promise<string[]>((resolve) => {
    const order: string[] = [];
    clock.atEndOfTurn(() => {
      throw new Error("planted");
    });
    clock.atEndOfTurn(() => {
      order.push("second");
      clock.atEndOfTurn(() => resolve(order));
    });
  });
  for (const listener of listeners) process.on("uncaughtException", listener);
  expect(order).toEqual(["second"]);
  expect(caught).toMatchObject([{ message: "planted" }]);
});

test("a timer beyond what the system can wait for does not fire at once", async () => {
  const clock = new NodeClock();
  let hasFired = false;
  const timer = clock.setTimer(2 ** 40, () => {
    hasFired = true;
  });
  await new Promise<void>((resolve) => void clock.setTimer(5, resolve));
  timer.cancel();
  expect(hasFired).toBe(false);
});
