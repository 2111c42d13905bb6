import fc from "fast-check";
import { expect, test } from "vitest";
import { replies } from "../../test/resp/replies.ts";
import { encodeReply, noReply, RawReply, type Reply } from "../resp/index.ts";
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
          queue.settle(ticket, new RawReply(`${ticket};`), 2);
          expect(queue.isOpen(ticket)).toBe(false);
          if (choice % 3 === 0) sent += queue.takeOutput();
        }
        const first = open.length > 0 ? Math.min(...open) : queue.next;
        expect(queue.head).toBe(first);
        expect(sent + queue.output).toBe(Array.from({ length: first }, (_, ticket) => `${ticket};`).join(""));
      }
      for (const ticket of open) queue.settle(ticket, new RawReply(`${ticket};`), 2);
      expect(queue.waitingBytes()).toBe(0);
      expect(queue.openCount).toBe(0);
    }),
  );
});

test("a reply that waits for an earlier ticket is counted", () => {
  const queue = new ReplyQueue();
  const first = queue.take(undefined, 1);
  const second = queue.take(undefined, 2);
  queue.settle(second, new RawReply("12345"), 2);
  expect(queue.waitingBytes()).toBe(5);
  expect(queue.output).toBe("");
  expect(queue.startedMsOf(first)).toBe(1);
  queue.settle(first, noReply, 2);
  expect(queue.takeOutput()).toBe("12345");
  expect(queue.output).toBe("");
});

test("a ticket is settled once", () => {
  const queue = new ReplyQueue();
  const ticket = queue.take(undefined, 0);
  queue.settle(ticket, 1, 2);
  expect(() => queue.settle(ticket, 2, 2)).toThrow("settled once");
});

test("what is held back or finds no room becomes text later, in order, whole and once, also beside what is pushed", () => {
  const long = fc.nat({ max: 3 }).map((count) => new Array(count).fill("x".repeat(70_000)));
  const steps = fc.array(fc.tuple(fc.oneof(replies, long), fc.nat({ max: 4 }), fc.constantFrom(2, 3)), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(steps, (choices) => {
      const queue = new ReplyQueue(1_000);
      let expected = "";
      let sent = "";
      for (const [reply, choice, protocol] of choices) {
        if (choice === 0) queue.isHeldBack = true;
        queue.settle(queue.take(undefined, 0), reply, protocol);
        if (queue.isHeldBack && choice > 1) {
          const before = queue.output;
          queue.fill(protocol);
          expect(queue.output).toBe(before);
          queue.isHeldBack = false;
        }
        // A client's protocol changes once all it asked for is on its way.
        for (queue.fill(protocol); queue.openCount > 0 && !queue.isHeldBack; queue.fill(protocol)) {
          expect(queue.output.length).toBeLessThanOrEqual(1_000 + 65_536 + 300);
          sent += queue.takeOutput();
        }
        if (queue.isHeldBack) {
          queue.isHeldBack = false;
          for (queue.fill(protocol); queue.openCount > 0; queue.fill(protocol)) sent += queue.takeOutput();
        }
        queue.push("push;");
        expected += `${encodeReply(reply, protocol)}push;`;
      }
      expect(sent + queue.takeOutput()).toBe(expected);
    }),
  );
});

test("what is pushed while a long reply goes out in pieces comes behind its last piece", () => {
  const queue = new ReplyQueue(1_000);
  const long: Reply = "l".repeat(200_000);
  queue.settle(queue.take(undefined, 0), long, 2);
  const first = queue.takeOutput();
  expect(first.length).toBe(65_536);
  queue.push("push;");
  expect(queue.textBytes).toBe(5);
  let rest = "";
  for (queue.fill(2); queue.openCount > 0; queue.fill(2)) rest += queue.takeOutput();
  expect(first + rest + queue.takeOutput()).toBe(`${encodeReply(long, 2)}push;`);
});
