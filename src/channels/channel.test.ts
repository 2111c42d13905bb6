import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { background, Channel, closed, empty, go } from "./index.ts";

/** Lets everything run that can run without time passing. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await undefined;
}

describe("an unbuffered channel", () => {
  test("a send waits for its receive, and takes place with it", async () => {
    const channel = new Channel<number>();
    const events: string[] = [];
    go(async () => {
      events.push("sending");
      await channel.send(1);
      events.push("sent");
    });
    await settle();
    expect(events).toEqual(["sending"]);
    expect(channel.receive()).toBe(1);
    await settle();
    expect(events).toEqual(["sending", "sent"]);
  });

  test("a send to a receiver that waits costs no promise", async () => {
    const channel = new Channel<string>();
    const received = channel.receive();
    expect(channel.send("a")).toBeUndefined();
    expect(await received).toBe("a");
  });

  test("trySend and tryReceive never wait", () => {
    const channel = new Channel<number>();
    expect(channel.trySend(1)).toBe(false);
    expect(channel.tryReceive()).toBe(empty);
    const received = channel.receive();
    expect(channel.trySend(2)).toBe(true);
    return expect(received).resolves.toBe(2);
  });
});

describe("a buffered channel", () => {
  test("takes as many values as it has room for, then makes the sender wait", async () => {
    const channel = new Channel<number>(2);
    expect(channel.send(1)).toBeUndefined();
    expect(channel.send(2)).toBeUndefined();
    const third = channel.send(3);
    expect(third).toBeInstanceOf(Promise);
    expect(channel.length).toBe(2);
    expect([channel.receive(), channel.receive(), channel.receive()]).toEqual([1, 2, 3]);
    await third;
    expect(channel.length).toBe(0);
  });

  test.for([
    { name: "the receiver was there first", fill: 0 },
    { name: "the sender was there first", fill: 8 },
  ])("two that await every call soon wait no more: $name", async ({ fill }) => {
    const channel = new Channel<number>(8);
    for (let value = 0; value < fill; value++) channel.trySend(value);
    const count = 500;
    let waits = 0;
    const noted = <P>(result: P): P => {
      if (result instanceof Promise) waits++;
      return result;
    };
    const receive = async (): Promise<void> => {
      for (let next = 0; next < count; next++) expect(await noted(channel.receive())).toBe(next);
    };
    const send = async (): Promise<void> => {
      for (let value = fill; value < count; value++) await noted(channel.send(value));
    };
    await Promise.all(fill === 0 ? [receive(), send()] : [send(), receive()]);
    expect(waits).toBeLessThan(50);
  });

  test("one that is woken a turn later has its value: neither a cancellation nor the end takes it away", async () => {
    for (let turn = 0; turn < 64; turn++) {
      const channel = new Channel<number>(8);
      const [context, cancel] = background().withCancel();
      // The receives that waited and were served before decide which one is woken later.
      for (let before = 0; before < turn; before++) {
        const waiting = channel.receive();
        channel.trySend(before);
        await waiting;
      }
      const received = channel.receive(context);
      channel.trySend(7);
      cancel();
      channel.close();
      expect(await received).toBe(7);
    }
  });

  test("goes round its ring any number of times", () => {
    const channel = new Channel<number>(3);
    for (let value = 0; value < 100; value += 2) {
      channel.trySend(value);
      channel.trySend(value + 1);
      expect([channel.tryReceive(), channel.tryReceive()]).toEqual([value, value + 1]);
    }
  });

  test.for([-1, 0.5, Number.NaN, 2 ** 32])("refuses the capacity %d", (capacity) => {
    expect(() => new Channel(capacity)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});

describe("whoever waits longest is served first", () => {
  test("among senders", async () => {
    const channel = new Channel<number>();
    const sends = [1, 2, 3].map((value) => channel.send(value));
    expect([channel.receive(), channel.receive(), channel.receive()]).toEqual([1, 2, 3]);
    await Promise.all(sends);
  });

  test("among receivers", async () => {
    const channel = new Channel<number>();
    const receives = [channel.receive(), channel.receive(), channel.receive()];
    for (const value of [1, 2, 3]) channel.send(value);
    expect(await Promise.all(receives)).toEqual([1, 2, 3]);
  });
});

describe("a closed channel", () => {
  test("yields what lies in it, then reports closed for ever", () => {
    const channel = new Channel<number>(2);
    channel.send(1);
    channel.send(2);
    channel.close();
    expect([channel.receive(), channel.receive(), channel.receive(), channel.tryReceive()]).toEqual([
      1,
      2,
      closed,
      closed,
    ]);
  });

  test("wakes every receiver that waits", async () => {
    const channel = new Channel<number>();
    const receives = [channel.receive(), channel.receive()];
    channel.close();
    expect(await Promise.all(receives)).toEqual([closed, closed]);
  });

  test("fails the senders, those that wait included", async () => {
    const channel = new Channel<number>();
    const waiting = channel.send(1);
    channel.close();
    const error = expect.objectContaining({ code: "SEND_ON_CLOSED_CHANNEL" });
    await expect(waiting).rejects.toEqual(error);
    expect(() => channel.send(2)).toThrow(error);
    expect(() => channel.trySend(2)).toThrow(error);
    expect(channel.receive()).toBe(closed);
  });

  test("cannot be closed again", () => {
    const channel = new Channel<number>();
    channel.close();
    expect(() => channel.close()).toThrow(expect.objectContaining({ code: "CLOSE_OF_CLOSED_CHANNEL" }));
  });

  test("ends a loop over it", async () => {
    const channel = new Channel<number>(1);
    go(async () => {
      for (let value = 0; value < 5; value++) await channel.send(value);
      channel.close();
    });
    const seen: number[] = [];
    for await (const value of channel) seen.push(value);
    expect(seen).toEqual([0, 1, 2, 3, 4]);
  });
});

describe("a cancelled operation has not happened", () => {
  test("the value of a cancelled send is received by nobody", async () => {
    const channel = new Channel<number>();
    const [context, cancel] = background().withCancel();
    const cancelled = channel.send(1, context);
    const kept = channel.send(2);
    cancel("changed my mind");
    await expect(cancelled).rejects.toMatchObject({ code: "CANCELLED", cause: "changed my mind" });
    expect(channel.receive()).toBe(2);
    await kept;
    expect(channel.waiting).toEqual({ senders: 0, receivers: 0 });
  });

  test("a cancelled receive takes no value", async () => {
    const channel = new Channel<number>();
    const controller = new AbortController();
    const cancelled = channel.receive(controller.signal);
    const kept = channel.receive();
    controller.abort();
    await expect(cancelled).rejects.toMatchObject({ code: "CANCELLED" });
    channel.send(1);
    expect(await kept).toBe(1);
  });

  test("with a context that has ended nothing is tried", () => {
    const channel = new Channel<number>(1);
    const [context, cancel] = background().withCancel();
    cancel();
    expect(() => channel.send(1, context)).toThrow(expect.objectContaining({ code: "CANCELLED" }));
    expect(channel.length).toBe(0);
  });

  test("an operation that was served leaves its context, and a later cancellation does nothing", async () => {
    const channel = new Channel<number>();
    const [context, cancel] = background().withCancel();
    const received = channel.receive(context);
    channel.send(1);
    cancel();
    expect(await received).toBe(1);
  });
});

/** What a channel does, said as plainly as it can be: three queues. */
class Model {
  readonly buffer: number[] = [];
  readonly senders: number[] = [];
  readonly receivers: number[] = [];
  readonly outcomes = new Map<number, string>();
  isClosed = false;
  readonly capacity: number;
  constructor(capacity: number) {
    this.capacity = capacity;
  }
  send(id: number): void {
    const receiver = this.isClosed ? undefined : this.receivers.shift();
    if (this.isClosed) this.outcomes.set(id, "refused");
    else if (receiver !== undefined) {
      this.outcomes.set(receiver, `got ${id}`);
      this.outcomes.set(id, "sent");
    } else if (this.buffer.length < this.capacity) {
      this.buffer.push(id);
      this.outcomes.set(id, "sent");
    } else this.senders.push(id);
  }
  receive(id: number): void {
    const value = this.buffer.shift();
    const sender = this.senders.shift();
    if (sender !== undefined) this.outcomes.set(sender, "sent");
    if (value !== undefined) {
      if (sender !== undefined) this.buffer.push(sender);
      this.outcomes.set(id, `got ${value}`);
    } else if (sender !== undefined) this.outcomes.set(id, `got ${sender}`);
    else if (this.isClosed) this.outcomes.set(id, "closed");
    else this.receivers.push(id);
  }
  cancel(id: number): void {
    for (const queue of [this.senders, this.receivers]) {
      const at = queue.indexOf(id);
      if (at === -1) continue;
      queue.splice(at, 1);
      this.outcomes.set(id, "cancelled");
    }
  }
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const id of this.receivers.splice(0)) this.outcomes.set(id, "closed");
    for (const id of this.senders.splice(0)) this.outcomes.set(id, "refused");
  }
}

test("random programs over a channel do what three plain queues would do", async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant("send") },
    { weight: 4, arbitrary: fc.constant("receive") },
    { weight: 2, arbitrary: fc.nat(40).map((target) => target) },
    { weight: 1, arbitrary: fc.constant("close") },
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(3), fc.array(step, { maxLength: 40 }), async (capacity, steps) => {
      const channel = new Channel<number>(capacity);
      const model = new Model(capacity);
      const outcomes = new Map<number, string>();
      const cancels = new Map<number, () => void>();
      const run = async (id: number, operation: () => unknown, done: (value: unknown) => string): Promise<void> => {
        try {
          outcomes.set(id, done(await operation()));
        } catch (error) {
          outcomes.set(id, (error as { code: string }).code === "CANCELLED" ? "cancelled" : "refused");
        }
      };
      for (const [id, action] of steps.entries()) {
        const [context, cancel] = background().withCancel();
        cancels.set(id, cancel);
        if (action === "send") {
          model.send(id);
          void run(
            id,
            () => channel.send(id, context),
            () => "sent",
          );
        } else if (action === "receive") {
          model.receive(id);
          void run(
            id,
            () => channel.receive(context),
            (value) => (value === closed ? "closed" : `got ${String(value)}`),
          );
        } else if (action === "close") {
          model.close();
          if (!channel.isClosed) channel.close();
        } else if (typeof action === "number") {
          model.cancel(action);
          cancels.get(action)?.();
        }
        await settle();
      }
      expect([...outcomes].sort()).toEqual([...model.outcomes].sort());
      expect(channel.waiting).toEqual({ senders: model.senders.length, receivers: model.receivers.length });
    }),
    { numRuns: 300 },
  );
});
