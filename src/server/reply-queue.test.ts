import fc from "fast-check";
import { expect, test } from "vitest";
import { ReplyQueue } from "./reply-queue.ts";

test("replies go out in the order of their tickets, in whatever order they come [S-7]", () => {
  // For each step: take a ticket, or settle one of those that are open.
  const steps = fc.array(fc.oneof(fc.constant(undefined), fc.nat({ max: 50 })), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (choices) => {
      const queue = new ReplyQueue();
      const open: number[] = [];
      let sent = "";
      for (const choice of choices) {
        if (choice === undefined) {
          open.push(queue.take(undefined, 0));
        } else if (open.length > 0) {
          const [ticket] = open.splice(choice % open.length, 1) as [number];
          expect(queue.isOpen(ticket)).toBe(true);
          queue.settle(ticket, `${ticket};`);
          expect(queue.isOpen(ticket)).toBe(false);
          if (choice % 3 === 0) sent += queue.takeOutput();
        }
        const first = open.length > 0 ? Math.min(...open) : queue.next;
        expect(queue.head).toBe(first);
        expect(sent + queue.output).toBe(Array.from({ length: first }, (_, ticket) => `${ticket};`).join(""));
      }
      for (const ticket of open) queue.settle(ticket, `${ticket};`);
      expect(queue.earlyBytes).toBe(0);
      expect(queue.openCount).toBe(0);
    }),
  );
});

test("text that waits for an earlier ticket is counted", () => {
  const queue = new ReplyQueue();
  const first = queue.take(undefined, 1);
  const second = queue.take(undefined, 2);
  queue.settle(second, "12345");
  expect(queue.earlyBytes).toBe(5);
  expect(queue.output).toBe("");
  expect(queue.startedMsOf(first)).toBe(1);
  queue.settle(first, "");
  expect(queue.takeOutput()).toBe("12345");
  expect(queue.output).toBe("");
});

test("a ticket is settled once", () => {
  const queue = new ReplyQueue();
  const ticket = queue.take(undefined, 0);
  queue.settle(ticket, "x");
  expect(() => queue.settle(ticket, "y")).toThrow("settled once");
});
