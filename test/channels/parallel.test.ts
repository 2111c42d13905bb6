/** Real threads; they run what is built in dist/. */
import {
  background,
  Channel,
  type Context,
  closed,
  empty,
  go,
  lendReceiver,
  lendSender,
  type ParallelOptions,
  type ParallelPool,
  parallel,
  type ReceiveChannel,
  type SendChannel,
} from "coterie/channels";
import { afterEach, describe, expect, test } from "vitest";

/** What parallel-work.mjs exports. */
interface Work {
  readonly notAFunction: number;
  add(left: number, right: number): number;
  thread(): number;
  fail(kind: string): void;
  crash(how: string): Promise<void>;
  weigh(bytes: Uint8Array): { readonly byteLength: number; readonly bytes: Uint8Array };
  untilCancelled(context: Context): Promise<void>;
  computeForEver(): void;
  double(numbers: ReceiveChannel<number>, doubled: SendChannel<number>): Promise<void>;
  take(numbers: ReceiveChannel<number>, count: number): Promise<number[]>;
  count(numbers: SendChannel<number>, context: Context): Promise<{ readonly sent: number; readonly code: string }>;
  sendThenClose(numbers: SendChannel<unknown>, values: readonly unknown[]): Promise<void>;
  tally(left: ReceiveChannel<number>, right: ReceiveChannel<number>, results: SendChannel<number[]>): Promise<void>;
  slowly(value: number): Promise<number>;
  failingReceive(numbers: ReceiveChannel<number>): Promise<string>;
}

const pools: ParallelPool<Work>[] = [];

function pool(options: ParallelOptions = {}): ParallelPool<Work> {
  const made = parallel<Work>(new URL("./parallel-work.mjs", import.meta.url), options);
  pools.push(made);
  return made;
}

afterEach(async () => {
  for (const each of pools.splice(0)) await each[Symbol.asyncDispose]();
});

async function rest(channel: ReceiveChannel<number>): Promise<number[]> {
  const values: number[] = [];
  for await (const value of channel) values.push(value);
  return values;
}

/** Lets events of other threads come in. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at);
}

describe("a call", () => {
  test("runs a function of the module in another thread and yields its result", async () => {
    const threads = pool({ threadCount: 1 });
    expect(await threads.call("add", 2, 3)).toBe(5);
    expect(await threads.call("thread")).toBeGreaterThan(0);
  });

  test("takes one thread each, one for each core by default, and they stay for the next", async () => {
    const threads = pool({ threadCount: 2 });
    const used = await Promise.all(upTo(20).map(() => threads.call("thread")));
    expect(new Set(used).size).toBe(2);
    expect(used).toContain(await threads.call("thread"));
    expect(pool().threadCount).toBeGreaterThan(0);
  });

  test("waits its turn when all threads are busy", async () => {
    const threads = pool({ threadCount: 1 });
    const order: number[] = [];
    await Promise.all(upTo(5).map(async (value) => order.push(await threads.call("slowly", value))));
    expect(order).toEqual(upTo(5));
  });

  test("fails with what the function throws: its class, name, code and cause", async () => {
    const threads = pool({ threadCount: 1 });
    const failure = await threads.call("fail", "range").then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(RangeError);
    expect(failure).toMatchObject({ message: "out of range", cause: { message: "because" } });
    expect(String((failure as Error).stack)).toContain("parallel-work.mjs");
    await expect(threads.call("fail", "code")).rejects.toMatchObject({ name: "OddError", code: "ODD" });
    await expect(threads.call("fail", "text")).rejects.toMatchObject({ message: "text" });
    await expect(threads.call("fail", "uncloneable")).rejects.toMatchObject({ name: "DataCloneError" });
    expect(await threads.call("add", 1, 1)).toBe(2);
  });

  test("of something that is no function, or of no module, fails", async () => {
    const threads = pool({ threadCount: 1 });
    await expect(threads.call("notAFunction" as "thread")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(threads.call("nothing" as "thread")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    const missing = parallel<Work>(new URL("./not-there.mjs", import.meta.url), { threadCount: 1 });
    await expect(missing.call("thread")).rejects.toMatchObject({ code: "ERR_MODULE_NOT_FOUND" });
    await missing.close();
    expect(() => parallel("./relative.mjs")).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });

  test("with an argument that cannot be copied fails, and the thread is free for the next", async () => {
    const threads = pool({ threadCount: 1 });
    const uncloneable = (() => {}) as unknown as number;
    await expect(threads.call("add", uncloneable, 1)).rejects.toMatchObject({ name: "DataCloneError" });
    expect(await threads.call("add", 1, 1)).toBe(2);
  });

  test("moves memory there and back instead of copying it", async () => {
    const threads = pool({ threadCount: 1 });
    const bytes = new Uint8Array(1_000_000).fill(7);
    const weighed = await threads.call("weigh", bytes);
    expect(bytes.byteLength).toBe(0);
    expect(weighed.byteLength).toBe(1_000_000);
    expect(weighed.bytes[999_999]).toBe(7);
    // A part of a larger buffer is copied: the rest of it belongs to somebody else.
    const part = new Uint8Array(new ArrayBuffer(100), 0, 10);
    await threads.call("weigh", part);
    expect(part.byteLength).toBe(10);
  });
});

describe("cancelling a call", () => {
  test("ends the function's context, and the task with the context's error", async () => {
    const threads = pool({ threadCount: 1 });
    const [context, cancel] = background().withCancel();
    const task = threads.call("untilCancelled", context);
    await turn();
    cancel("enough");
    await expect(task).rejects.toMatchObject({ code: "CANCELLED", cause: "enough" });
    expect(task.state).toBe("cancelled");
    expect(await threads.call("add", 1, 1)).toBe(2);
  });

  test("that computes without a pause ends its thread, which is replaced", async () => {
    const threads = pool({ threadCount: 1, cancelGraceMs: 0 });
    const first = await threads.call("thread");
    const task = threads.call("computeForEver");
    await Promise.resolve();
    task.cancel("too long");
    await expect(task).rejects.toMatchObject({ code: "CANCELLED", cause: "too long" });
    expect(await threads.call("thread")).not.toBe(first);
  });

  test("that waits for a thread takes none", async () => {
    const threads = pool({ threadCount: 1 });
    const [context, cancel] = background().withCancel();
    const busy = threads.call("untilCancelled", context);
    const waiting = threads.call("thread");
    await Promise.resolve();
    waiting.cancel();
    await expect(waiting).rejects.toMatchObject({ code: "CANCELLED" });
    cancel();
    await busy.settled();
  });

  test("a pool that is closed finishes what it has begun and takes no more", async () => {
    const threads = pool({ threadCount: 1 });
    const calls = [threads.call("slowly", 1), threads.call("slowly", 2)];
    await Promise.resolve();
    await Promise.all([threads.close(), threads.close()]);
    expect(await Promise.all(calls)).toEqual([1, 2]);
    await expect(threads.call("thread")).rejects.toMatchObject({ code: "PARALLEL_CLOSED" });
  });

  test("leaving a pool's scope cancels its calls", async () => {
    const threads = pool({ threadCount: 1, cancelGraceMs: 0 });
    const task = threads.call("computeForEver");
    await Promise.resolve();
    await threads[Symbol.asyncDispose]();
    await expect(task).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("a thread that crashes", () => {
  test.for([
    { how: "exit", expected: { exitCode: 7, cause: undefined } },
    { how: "throw", expected: { exitCode: 1, cause: expect.objectContaining({ message: "outside of any call" }) } },
  ])("fails its call with the cause and is replaced: $how", async ({ how, expected }) => {
    const threads = pool({ threadCount: 1 });
    const first = await threads.call("thread");
    await expect(threads.call("crash", how)).rejects.toMatchObject({
      code: "WORKER_CRASHED",
      outcome: "unknown",
      ...expected,
    });
    expect(await threads.call("thread")).not.toBe(first);
  });

  test("does not disturb the others", async () => {
    const threads = pool({ threadCount: 2 });
    const [crashed, ...others] = await Promise.allSettled([
      threads.call("crash", "exit"),
      ...upTo(20).map((value) => threads.call("slowly", value)),
    ]);
    expect(crashed?.status).toBe("rejected");
    expect(others.map((each) => each.status === "fulfilled" && each.value)).toEqual(upTo(20));
  });
});

describe("a channel between two threads", () => {
  test.for([0, 1, 16])("hands on every value, in order, with capacity %d", async (capacity) => {
    const threads = pool({ threadCount: 1 });
    const numbers = new Channel<number>(capacity);
    const doubled = new Channel<number>(capacity);
    const task = threads.call("double", lendReceiver(numbers), lendSender(doubled));
    const sender = go(async () => {
      for (const value of upTo(300)) await numbers.send(value);
      numbers.close();
    });
    const seen: unknown[] = [];
    while (seen.length < 300) seen.push(await doubled.receive());
    expect(seen).toEqual(upTo(300).map((value) => 2 * value));
    await Promise.all([task, sender]);
    expect(doubled.isClosed).toBe(false);
  });

  test("divides the values among several threads", async () => {
    const threads = pool({ threadCount: 2 });
    const numbers = new Channel<number>(4);
    const doubled = new Channel<number>(4);
    const tasks = [1, 2].map(() => threads.call("double", lendReceiver(numbers), lendSender(doubled)));
    go(async () => {
      for (const value of upTo(500)) await numbers.send(value);
      numbers.close();
    });
    const all = rest(doubled);
    await Promise.all(tasks);
    doubled.close();
    expect((await all).sort((a, b) => a - b)).toEqual(upTo(500).map((value) => 2 * value));
  });

  test("holds a sender back that is quicker than its receiver", async () => {
    const threads = pool({ threadCount: 1 });
    const numbers = new Channel<number>(3);
    const [context, cancel] = background().withCancel();
    const task = threads.call("count", lendSender(numbers), context);
    // Three lie in the channel, and three are on their way.
    while (numbers.waiting.senders === 0) await turn();
    cancel();
    await task.settled();
    expect(task.state).toBe("done");
    const outcome = await task;
    expect(outcome.code).toBe("CANCELLED");
    expect(outcome.sent).toBeLessThanOrEqual(3 + 3);
    const received = [];
    for (let value = numbers.tryReceive(); value !== empty && value !== closed; value = numbers.tryReceive()) {
      received.push(value);
      await turn();
    }
    expect(received).toEqual(upTo(outcome.sent));
  });

  test("gets back, in its place, what a function has not received", async () => {
    const threads = pool({ threadCount: 1 });
    const numbers = new Channel<number>(50);
    for (const value of upTo(50)) numbers.send(value);
    numbers.close();
    expect(await threads.call("take", lendReceiver(numbers), 10)).toEqual(upTo(10));
    expect(await threads.call("take", lendReceiver(numbers), 5)).toEqual([10, 11, 12, 13, 14]);
    expect(await rest(numbers)).toEqual(upTo(50).slice(15));
  });

  test("loses and doubles nothing, whoever takes how much of it at the same time", async () => {
    const threads = pool({ threadCount: 2 });
    const numbers = new Channel<number>(7);
    const sender = go(async () => {
      for (const value of upTo(600)) await numbers.send(value);
      numbers.close();
    });
    const taken: number[] = [];
    const takeThere = async (): Promise<void> => {
      for (const count of [1, 13, 2, 30, 0, 5, 40, 9]) {
        taken.push(...(await threads.call("take", lendReceiver(numbers), count)));
      }
    };
    const takeHere = async (): Promise<void> => {
      for (let turns = 0; turns < 100; turns++) {
        const value = await numbers.receive();
        if (value !== closed) taken.push(value);
        await turn();
      }
    };
    await Promise.all([takeThere(), takeThere(), takeHere()]);
    expect(taken).toHaveLength(300);
    taken.push(...(await rest(numbers)));
    await sender;
    expect(taken.sort((a, b) => a - b)).toEqual(upTo(600));
  });

  test("is closed by either side", async () => {
    const threads = pool({ threadCount: 1 });
    const numbers = new Channel<unknown>(2);
    const task = threads.call("sendThenClose", lendSender(numbers), [1, "two", { three: 3 }]);
    const seen: unknown[] = [];
    for await (const value of numbers) seen.push(value);
    expect(seen).toEqual([1, "two", { three: 3 }]);
    await task;
    const other = new Channel<number>();
    const counting = threads.call("count", lendSender(other), background().child());
    expect(await other.receive()).toBe(0);
    other.close();
    expect((await counting).code).toBe("SEND_ON_CLOSED_CHANNEL");
  });

  test("carries a failure of its sender over", async () => {
    const threads = pool({ threadCount: 1 });
    const numbers = new Channel<number>(1);
    const task = threads.call("failingReceive", lendReceiver(numbers));
    await numbers.send(1);
    numbers.fail(new Error("the source is gone"));
    expect(await task).toBe("the source is gone");
  });

  test("moves what can be moved", async () => {
    const threads = pool({ threadCount: 1 });
    const buffers = new Channel<unknown>(1);
    const bytes = new Uint8Array(1_000).fill(3);
    await threads.call("sendThenClose", lendSender(buffers), [bytes]);
    expect(bytes.byteLength).toBe(0);
    expect(await buffers.receive()).toEqual(new Uint8Array(1_000).fill(3));
  });

  test("stands in a select over there", async () => {
    const threads = pool({ threadCount: 1 });
    const [left, right, results] = [new Channel<number>(2), new Channel<number>(2), new Channel<number[]>(1)];
    const task = threads.call("tally", lendReceiver(left), lendReceiver(right), lendSender(results));
    for (const value of upTo(30)) await (value % 3 === 0 ? left : right).send(value);
    left.close();
    right.close();
    await task;
    expect(await results.receive()).toEqual([10, 20]);
  });
});
