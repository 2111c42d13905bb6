/** Programs written with parallel() run as they are on real threads and on simulated ones. They run what is built in dist/. */
import {
  Channel,
  Context,
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
  sleep,
} from "coterie/channels";
import { createNodePlatform, type Platform } from "coterie/platform";
import { SimulatedWorld } from "coterie/simulation";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/** What parallel-work.mjs exports, of which the clock is the context's. */
interface Work {
  add(left: number, right: number): number;
  fail(kind: string): void;
  weigh(bytes: Uint8Array): { readonly byteLength: number; readonly bytes: Uint8Array };
  untilCancelled(context: Context): Promise<void>;
  restFor(milliseconds: number, context: Context): Promise<boolean>;
  countCalls(): number;
  double(numbers: ReceiveChannel<number>, doubled: SendChannel<number>): Promise<void>;
  take(numbers: ReceiveChannel<number>, count: number): Promise<number[]>;
  count(numbers: SendChannel<number>, context: Context): Promise<{ readonly sent: number; readonly code: string }>;
  sendThenClose(numbers: SendChannel<unknown>, values: readonly unknown[]): Promise<void>;
  tally(left: ReceiveChannel<number>, right: ReceiveChannel<number>, results: SendChannel<number[]>): Promise<void>;
  failingReceive(numbers: ReceiveChannel<number>): Promise<string>;
}

const module = new URL("./parallel-work.mjs", import.meta.url);

function poolOn(platform: Platform, options: ParallelOptions = {}): ParallelPool<Work> {
  const cancellation = Context.background(platform).child();
  return parallel<Work>(module, { workers: platform.workers, cancellation, ...options });
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at);
}

interface Host {
  readonly platform: Platform;
  until<T>(promise: Promise<T>): Promise<T>;
}

const implementations: readonly { readonly name: string; readonly make: () => Host }[] = [
  {
    name: "parallel on threads of Node",
    make: () => ({ platform: createNodePlatform(), until: (promise) => promise }),
  },
  {
    name: "parallel on threads of the simulator",
    make: () => {
      const world = new SimulatedWorld({ seed: 1 });
      return { platform: world.machine("n1").start(), until: (promise) => world.until(promise) };
    },
  },
];

describe.for(implementations)("$name", ({ make }) => {
  let host: Host;
  let context: Context;
  let pools: ParallelPool<Work>[] = [];
  const pool = (options: ParallelOptions): ParallelPool<Work> => {
    const made = poolOn(host.platform, options);
    pools.push(made);
    return made;
  };
  /** Runs a program to its end. */
  const run = <T>(program: () => Promise<T>): Promise<T> => host.until(program());
  beforeEach(() => {
    host = make();
    context = Context.background(host.platform);
  });
  afterEach(async () => {
    await run(async () => {
      for (const each of pools) await each[Symbol.asyncDispose]();
    });
    pools = [];
  });

  test("a call yields what the function returns, or throws what it throws", async () => {
    const threads = pool({ threadCount: 1 });
    await run(async () => {
      expect(await threads.call("add", 2, 3)).toBe(5);
      await expect(threads.call("fail", "code")).rejects.toMatchObject({ name: "OddError", code: "ODD" });
      await expect(threads.call("fail", "range")).rejects.toBeInstanceOf(RangeError);
      await expect(threads.call("nothing" as "countCalls")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    });
  });

  test("calls go to as many threads as there are, each with a state of its own", async () => {
    const threads = pool({ threadCount: 2 });
    await run(async () => {
      const resting = [1, 2].map(() => threads.call("restFor", 20, context.child()));
      expect(await Promise.all(resting)).toEqual([true, true]);
      const counts = await Promise.all(upTo(10).map(() => threads.call("countCalls")));
      // Two that each count from 1: no count comes more than twice.
      expect(Math.max(...counts)).toBeLessThan(10);
      for (const count of counts) expect(counts.filter((each) => each === count).length).toBeLessThanOrEqual(2);
    });
  });

  test("memory is moved there and back", async () => {
    const threads = pool({ threadCount: 1 });
    const bytes = new Uint8Array(1_000_000).fill(7);
    const weighed = await run(async () => threads.call("weigh", bytes));
    expect(bytes.byteLength).toBe(0);
    expect(weighed.bytes[999_999]).toBe(7);
  });

  test("a call that is cancelled ends with its context's error, and the thread goes on", async () => {
    const threads = pool({ threadCount: 1 });
    await run(async () => {
      const [own, cancel] = context.withCancel();
      const task = threads.call("untilCancelled", own);
      await sleep(1, context);
      cancel("enough");
      await expect(task).rejects.toMatchObject({ code: "CANCELLED", cause: "enough" });
      const [limit] = context.withTimeout(30);
      await expect(threads.call("untilCancelled", limit)).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
      expect(await threads.call("add", 1, 1)).toBe(2);
    });
  });

  test.for([0, 1, 16])("a channel with capacity %d hands on every value, in order", async (capacity) => {
    const threads = pool({ threadCount: 1 });
    const seen: unknown[] = [];
    await run(async () => {
      const numbers = new Channel<number>(capacity);
      const doubled = new Channel<number>(capacity);
      const task = threads.call("double", lendReceiver(numbers), lendSender(doubled));
      const sender = go(async () => {
        for (const value of upTo(200)) await numbers.send(value);
        numbers.close();
      });
      while (seen.length < 200) seen.push(await doubled.receive());
      await Promise.all([task, sender]);
    });
    expect(seen).toEqual(upTo(200).map((value) => 2 * value));
  });

  test("a sender that is quicker than its receiver is held back", async () => {
    const threads = pool({ threadCount: 1 });
    const numbers = new Channel<number>(3);
    const outcome = await run(async () => {
      const [own, cancel] = context.withCancel();
      const task = threads.call("count", lendSender(numbers), own);
      while (numbers.waiting.senders === 0) await sleep(1, context);
      cancel();
      await task.settled();
      return task;
    });
    expect(outcome.code).toBe("CANCELLED");
    // Three lie in the channel, and three are on their way.
    expect(outcome.sent).toBeLessThanOrEqual(3 + 3);
    const received: unknown[] = [];
    for (let value = numbers.tryReceive(); value !== empty; value = numbers.tryReceive()) {
      received.push(value);
      await run(() => sleep(2, context));
    }
    expect(received).toEqual(upTo(outcome.sent));
  });

  test("what a function has not received comes back in its place, whoever takes how much", async () => {
    const threads = pool({ threadCount: 2 });
    const numbers = new Channel<number>(7);
    const taken: number[] = [];
    await run(async () => {
      const sender = go(async () => {
        for (const value of upTo(300)) await numbers.send(value);
        numbers.close();
      });
      const takeThere = async (): Promise<void> => {
        for (const count of [1, 13, 2, 30, 0, 5, 40, 9]) {
          taken.push(...(await threads.call("take", lendReceiver(numbers), count)));
        }
      };
      await Promise.all([takeThere(), takeThere()]);
      for (let value = await numbers.receive(); value !== closed; value = await numbers.receive()) taken.push(value);
      await sender;
    });
    expect(taken.toSorted((left, right) => left - right)).toEqual(upTo(300));
  });

  test("an end, a failure and a select go over", async () => {
    const threads = pool({ threadCount: 1 });
    await run(async () => {
      const values = new Channel<unknown>(2);
      const sending = threads.call("sendThenClose", lendSender(values), [1, "two", { three: 3 }]);
      const seen: unknown[] = [];
      for await (const value of values) seen.push(value);
      expect(seen).toEqual([1, "two", { three: 3 }]);
      await sending;

      const failing = new Channel<number>(1);
      const task = threads.call("failingReceive", lendReceiver(failing));
      await failing.send(1);
      failing.fail(new Error("the source is gone"));
      expect(await task).toBe("the source is gone");

      const [left, right, results] = [new Channel<number>(2), new Channel<number>(2), new Channel<number[]>(1)];
      const tally = threads.call("tally", lendReceiver(left), lendReceiver(right), lendSender(results));
      for (const value of upTo(30)) await (value % 3 === 0 ? left : right).send(value);
      left.close();
      right.close();
      await tally;
      expect(await results.receive()).toEqual([10, 20]);
    });
  });

  test("a pool that is closed finishes what it has begun and takes no more", async () => {
    const threads = pool({ threadCount: 1 });
    await run(async () => {
      const calls = [1, 2].map((value) => threads.call("add", value, value));
      await Promise.resolve();
      await Promise.all([threads.close(), threads.close()]);
      expect(await Promise.all(calls)).toEqual([2, 4]);
      await expect(threads.call("countCalls")).rejects.toMatchObject({ code: "PARALLEL_CLOSED" });
    });
  });
});

describe("in the simulator", () => {
  /** Two threads that take from one channel and give to another; in which order the results come. */
  async function race(seed: number): Promise<{ readonly order: readonly number[]; readonly hash: string }> {
    const world = new SimulatedWorld({ seed });
    const threads = poolOn(world.machine("n1").start(), { threadCount: 2 });
    const program = async (): Promise<readonly number[]> => {
      const numbers = new Channel<number>(2);
      const doubled = new Channel<number>(2);
      const tasks = [1, 2].map(() => threads.call("double", lendReceiver(numbers), lendSender(doubled)));
      go(async () => {
        for (const value of upTo(40)) await numbers.send(value);
        numbers.close();
      });
      const order: number[] = [];
      for (let value = await doubled.receive(); value !== closed; value = await doubled.receive()) {
        order.push(value);
        if (order.length === 40) break;
      }
      await Promise.all(tasks);
      return order;
    };
    return { order: await world.until(program()), hash: world.hash };
  }

  test("one seed gives one order, and another seed another", async () => {
    const first = await race(1);
    expect(await race(1)).toEqual(first);
    const others = await Promise.all([2, 3, 4].map(race));
    expect(new Set([first, ...others].map(({ order }) => order.join())).size).toBeGreaterThan(1);
    for (const { order } of others)
      expect(order.toSorted((left, right) => left - right)).toEqual(upTo(40).map((value) => 2 * value));
  });

  test("an hour in a thread passes in a moment", async () => {
    const world = new SimulatedWorld({ seed: 1 });
    const platform = world.machine("n1").start();
    const threads = poolOn(platform);
    const call = threads.call("restFor", 3_600_000, Context.background(platform).child());
    expect(await world.until(call.settled(), 4_000_000)).toEqual({ status: "fulfilled", value: true });
    expect(world.nowMs).toBeGreaterThan(3_600_000);
    expect(world.nowMs).toBeLessThan(3_601_000);
  });

  test("a call that does not see that it is cancelled is ended with its thread, after its grace", async () => {
    const world = new SimulatedWorld({ seed: 1 });
    const machine = world.machine("n1");
    const platform = machine.start();
    const threads = poolOn(platform, { threadCount: 1, cancelGraceMs: 500 });
    // It waits for a channel, without a context.
    const task = threads.call("take", lendReceiver(new Channel<number>()), 1);
    await world.run(100);
    task.cancel();
    await world.run(400);
    expect([task.state, machine.threads.length]).toEqual(["running", 1]);
    await world.run(200);
    expect([task.state, machine.threads.length]).toEqual(["cancelled", 0]);
  });

  test("a thread that crashes fails its call with the cause, and is replaced", async () => {
    const world = new SimulatedWorld({ seed: 1 });
    const machine = world.machine("n1");
    const threads = poolOn(machine.start(), { threadCount: 1 });
    const task = threads.call("take", lendReceiver(new Channel<number>()), 1);
    await world.run(100);
    machine.threads[0]?.crash(new Error("a bit flipped"));
    const outcome = await world.until(task.settled());
    expect(outcome).toMatchObject({
      reason: { code: "WORKER_CRASHED", exitCode: 1, cause: { message: "a bit flipped" } },
    });
    expect(await world.until(threads.call("add", 1, 1).settled())).toMatchObject({ value: 2 });
  });

  test("threads stand still with their process, and end with it", async () => {
    const world = new SimulatedWorld({ seed: 1 });
    const machine = world.machine("n1");
    const platform = machine.start();
    const threads = poolOn(platform, { threadCount: 1 });
    const task = threads.call("restFor", 50, Context.background(platform).child());
    await world.run(45);
    machine.pause();
    await world.run(10_000);
    expect(task.state).toBe("running");
    machine.resume();
    await world.run(200);
    expect(task.state).toBe("done");
    expect(machine.threads).toHaveLength(1);
    const lost = threads.call("restFor", 50, Context.background(platform).child());
    await world.run(10);
    machine.cutPower();
    expect(machine.threads).toHaveLength(0);
    await world.run(10_000);
    expect(lost.state).toBe("running");
  });

  test("a port has no place in a simulated thread", async () => {
    const world = new SimulatedWorld({ seed: 1 });
    const threads = poolOn(world.machine("n1").start(), { threadCount: 1 });
    const { port1, port2 } = new MessageChannel();
    const task = threads.call("weigh", port1 as unknown as Uint8Array);
    expect(await world.until(task.settled())).toMatchObject({ reason: { name: "TypeError" } });
    port2.close();
  });
});
