import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { SimulatedWorld } from "../simulation/index.ts";
import { background, Channel, Context, closed, go, otherwise, receiving, select, sending, timeout } from "./index.ts";

setFlagsFromString("--expose-gc");

describe("select", () => {
  test("takes the one case that is ready, without a promise", () => {
    const a = new Channel<number>(1);
    const b = new Channel<string>(1);
    b.send("x");
    const result = select([receiving(a, (value) => value), receiving(b, (value) => value)]);
    expect(result).toBe("x");
  });

  test("chooses among those that are ready with the same chance", () => {
    const a = new Channel<number>(1);
    const b = new Channel<number>(1);
    const c = new Channel<number>(1);
    const chosen = [0, 0, 0];
    const count = (at: number) => () => {
      chosen[at] = (chosen[at] as number) + 1;
    };
    const cases = [receiving(a, count(0)), receiving(b, count(1)), sending(c, 1, count(2))];
    for (let round = 0; round < 6_000; round++) {
      a.trySend(1);
      b.trySend(1);
      c.tryReceive();
      select(cases);
    }
    // Three standard deviations are 110; a fair choice strays further than 300 in one of 10^15 runs.
    for (const count of chosen) expect(Math.abs(count - 2_000)).toBeLessThan(300);
  });

  test("falls back to otherwise when nothing is ready", () => {
    expect(select([receiving(new Channel<number>(), () => "value"), otherwise(() => "nothing")])).toBe("nothing");
  });

  test("a null channel is never ready", () => {
    expect(select([receiving(null, () => "a"), sending(null, 1, () => "b"), otherwise(() => "c")])).toBe("c");
  });

  test("waits for the first that becomes ready, and leaves the others", async () => {
    const a = new Channel<number>();
    const b = new Channel<number>();
    const result = select([receiving(a, (value) => ["a", value]), sending(b, 7, () => ["b", 0])]);
    expect(b.receive()).toBe(7);
    expect(await result).toEqual(["b", 0]);
    expect(a.waiting).toEqual({ senders: 0, receivers: 0 });
    expect(b.waiting).toEqual({ senders: 0, receivers: 0 });
  });

  test("two selects meet on an unbuffered channel", async () => {
    const channel = new Channel<number>();
    const sender = select([sending(channel, 5, () => "sent")]);
    expect(select([receiving(channel, (value) => value)])).toBe(5);
    expect(await sender).toBe("sent");
  });

  test("never meets itself", async () => {
    const channel = new Channel<number>();
    const result = select([sending(channel, 1, () => "sent"), receiving(channel, (value) => value)]);
    expect(channel.waiting).toEqual({ senders: 1, receivers: 1 });
    channel.send(9);
    expect(await result).toBe(9);
    expect(channel.waiting).toEqual({ senders: 0, receivers: 0 });
  });

  test("the same channel may stand in several cases, and is served once", async () => {
    const channel = new Channel<number>();
    const result = select([receiving(channel, (value) => value), receiving(channel, (value) => value)]);
    channel.send(1);
    expect(channel.trySend(2)).toBe(false);
    expect(await result).toBe(1);
  });

  test("a closed channel is ready: a receive yields closed, a send throws", () => {
    const channel = new Channel<number>();
    channel.close();
    expect(select([receiving(channel, (value) => value)])).toBe(closed);
    expect(() => select([sending(channel, 1, () => {})])).toThrow(
      expect.objectContaining({ code: "SEND_ON_CLOSED_CHANNEL" }),
    );
  });

  test("a close wakes selects that wait", async () => {
    const channel = new Channel<number>();
    const receive = select([receiving(channel, (value) => value)]);
    const send = select([sending(new Channel<number>(), 1, () => 1), sending(channel, 2, () => 2)]);
    // The receiver and the sender have met already.
    expect(await receive).toBe(2);
    expect(await send).toBe(2);
    const waiting = select([receiving(channel, (value) => value)]);
    channel.close();
    expect(await waiting).toBe(closed);
  });

  test("a cancelled select has carried out no case", async () => {
    const channel = new Channel<number>();
    const [context, cancel] = background().withCancel();
    const result = select([sending(channel, 1, () => {}), receiving(channel, () => {})], context);
    cancel();
    await expect(result).rejects.toMatchObject({ code: "CANCELLED" });
    expect(channel.waiting).toEqual({ senders: 0, receivers: 0 });
  });

  test("gives up after its timeout", async () => {
    const channel = new Channel<number>();
    expect(await select([receiving(channel, () => "value"), timeout(1, () => "late")])).toBe("late");
    expect(channel.waiting.receivers).toBe(0);
  });

  test("refuses two timeouts, two otherwises, and what is no channel", () => {
    const error = expect.objectContaining({ code: "INVALID_ARGUMENT" });
    const never = receiving(new Channel<number>(), () => {});
    expect(() => select([timeout(1, () => {}), never, timeout(2, () => {})])).toThrow(error);
    expect(() => select([otherwise(() => {}), otherwise(() => {})])).toThrow(error);
    expect(() => timeout(-1, () => {})).toThrow(error);
    const channel = new Channel<number>();
    const lookalike = { ...channel, receive: () => 1 } as unknown as Channel<number>;
    expect(() => receiving(lookalike, () => {})).toThrow(error);
    expect(channel.waiting).toEqual({ senders: 0, receivers: 0 });
  });

  test("throws what a channel has failed with, at once and while it waits", async () => {
    const channel = new Channel<number>();
    const waiting = select([receiving(channel, () => 1), receiving(new Channel<number>(), () => 2)]);
    channel.fail(new RangeError("broken"));
    await expect(waiting).rejects.toThrow("broken");
    expect(() => select([receiving(channel, () => 1)])).toThrow("broken");
    expect(() => select([sending(channel, 1, () => 1)])).toThrow("broken");
  });

  test("ends with an AbortSignal", async () => {
    const controller = new AbortController();
    const channel = new Channel<number>();
    const result = select([receiving(channel, () => 1)], controller.signal);
    controller.abort("enough");
    await expect(result).rejects.toMatchObject({ code: "CANCELLED", cause: "enough" });
    expect(channel.waiting.receivers).toBe(0);
  });

  test("draws the same cases again from the same seed", () => {
    const draw = (seed: number): number[] => {
      const context = Context.background(new SimulatedWorld({ seed }).machine("m").start());
      const channels = [0, 1, 2].map(() => new Channel<number>(100));
      for (const channel of channels) for (let value = 0; value < 100; value++) channel.send(value);
      const cases = channels.map((channel, at) => receiving(channel, () => at));
      return Array.from({ length: 50 }, () => select(cases, context) as number);
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  test("a million selects leave nothing at a channel that never becomes ready", async () => {
    const collect = runInNewContext("gc") as () => void;
    const quiet = new Channel<number>();
    const busy = new Channel<number>();
    const controller = new AbortController();
    const cases = [receiving(quiet, () => -1), receiving(busy, (value) => value)];
    const round = async (count: number): Promise<void> => {
      const producer = go(async () => {
        for (let value = 0; value < count; value++) await busy.send(value);
      });
      for (let turn = 0; turn < count; turn++) await select(cases, controller.signal);
      await producer;
    };
    await round(50_000);
    collect();
    const before = process.memoryUsage().heapUsed;
    await round(1_000_000);
    collect();
    // One byte a select would be a million.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(500_000);
    expect(quiet.waiting).toEqual({ senders: 0, receivers: 0 });
  });
});
