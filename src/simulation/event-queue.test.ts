import fc from "fast-check";
import { expect, test } from "vitest";
import { arrivalPhase, type EventPhase, EventQueue, schedulePhase, turnPhase } from "./event-queue.ts";

test("events come by time, at one time by phase, and then in the order in which they were added", () => {
  const arbitraryEvent = fc.record({
    timeMs: fc.integer({ min: 0, max: 5 }),
    phase: fc.constantFrom<EventPhase>(schedulePhase, arrivalPhase, turnPhase),
    isCancelled: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(arbitraryEvent), (drafts) => {
      const queue = new EventQueue();
      const ran: number[] = [];
      for (const [index, { timeMs, phase, isCancelled }] of drafts.entries()) {
        const timer = queue.add(timeMs, phase, () => ran.push(index));
        if (isCancelled) timer.cancel();
      }
      for (let event = queue.pop(); event !== undefined; event = queue.pop()) event.action();
      const expected = [...drafts.entries()]
        .filter(([, { isCancelled }]) => !isCancelled)
        .sort(([, a], [, b]) => a.timeMs - b.timeMs || a.phase - b.phase)
        .map(([index]) => index);
      expect(ran).toEqual(expected);
    }),
  );
});
