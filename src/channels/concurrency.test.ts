import { describe, expect, test } from "vitest";
import { SimulatedWorld } from "../simulation/index.ts";
import {
  after,
  background,
  Channel,
  Context,
  ContextKey,
  closed,
  fanOut,
  go,
  Mutex,
  mapConcurrently,
  merge,
  Once,
  RWMutex,
  rateLimit,
  Semaphore,
  sleep,
  TaskGroup,
  Ticker,
  WaitGroup,
} from "./index.ts";

function virtual(): { world: SimulatedWorld; context: Context } {
  const world = new SimulatedWorld({ seed: 1 });
  return { world, context: Context.background(world.machine("m").start()) };
}

async function all<T>(channel: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of channel) values.push(value);
  return values;
}

describe("a task", () => {
  test("starts after its starter lets go, and yields what it returns", async () => {
    const events: string[] = [];
    const task = go(() => {
      events.push("task");
      return 5;
    });
    events.push("starter");
    expect(task.state).toBe("running");
    expect(await task).toBe(5);
    expect(events).toEqual(["starter", "task"]);
    expect(task.state).toBe("done");
  });

  test("throws its failure to whoever awaits it", async () => {
    const task = go(() => {
      throw new RangeError("no");
    });
    await expect(task).rejects.toThrow(RangeError);
    expect(task.state).toBe("failed");
  });

  test("is cancelled through its context, and that is no unhandled failure", async () => {
    const channel = new Channel<number>();
    const task = go((context) => channel.receive(context));
    await Promise.resolve();
    task.cancel("enough");
    await task.settled();
    expect(task.state).toBe("failed");
    await expect(task).rejects.toMatchObject({ code: "CANCELLED", cause: "enough" });
    expect(channel.waiting.receivers).toBe(0);
  });
});

describe("a context", () => {
  test("ends its children, not its parent", () => {
    const [parent, cancelParent] = background().withCancel();
    const [child, cancelChild] = parent.withCancel();
    const [other] = parent.withCancel();
    cancelChild();
    expect([parent.isDone, child.isDone, other.isDone]).toEqual([false, true, false]);
    cancelParent("over");
    expect(other.error).toMatchObject({ code: "CANCELLED", cause: "over" });
    expect(parent.withCancel()[0].isDone).toBe(true);
  });

  test("ends at its deadline, or its parent's if that is earlier", async () => {
    const { world, context } = virtual();
    const [outer] = context.withTimeout(100);
    const [inner] = outer.withTimeout(500);
    await world.run(99);
    expect(inner.isDone).toBe(false);
    await world.run(2);
    expect(inner.error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  test("carries values down", () => {
    const name = new ContextKey<string>("name");
    const child = background().withValue(name, "a").withCancel()[0];
    expect(child.value(name)).toBe("a");
    expect(background().value(name)).toBeUndefined();
  });

  test("comes from an AbortSignal and becomes one", () => {
    const controller = new AbortController();
    const context = Context.fromSignal(controller.signal);
    const { signal } = context;
    controller.abort("gone");
    expect(context.error).toMatchObject({ cause: "gone" });
    expect(signal.aborted).toBe(true);
    expect(Context.fromSignal(controller.signal).isDone).toBe(true);
  });
});

describe("time", () => {
  test("after and sleep pass on the context's clock", async () => {
    const { world, context } = virtual();
    const startMs = context.runtime.clock.nowMs();
    const one = after(50, context);
    await world.until(sleep(49, context));
    expect(one.length).toBe(0);
    await world.until(sleep(1, context));
    expect(one.tryReceive()).toBe(startMs + 50);
    expect(one.tryReceive()).toBe(closed);
  });

  test("a ticker drops the ticks that nobody takes, and does not drift", async () => {
    const { world, context } = virtual();
    const startMs = context.runtime.clock.nowMs();
    const ticker = new Ticker(10, context);
    await world.run(35);
    expect(ticker.ticks.tryReceive()).toBe(startMs + 10);
    await world.run(10);
    expect(ticker.ticks.tryReceive()).toBe(startMs + 40);
    ticker.stop();
    ticker.stop();
    expect(ticker.ticks.tryReceive()).toBe(closed);
  });

  test("a rate limit lets a burst through, then one value a period", async () => {
    const { world, context } = virtual();
    const source = new Channel<number>(5);
    for (let value = 0; value < 5; value++) source.send(value);
    source.close();
    const times: number[] = [];
    const startMs = context.runtime.clock.nowMs();
    const limited = rateLimit(source, { periodMs: 100, burst: 2 }, context);
    await world.until(
      (async () => {
        for await (const _ of limited) times.push(Math.round(context.runtime.clock.nowMs() - startMs));
      })(),
    );
    expect(times).toEqual([0, 0, 100, 200, 300]);
  });
});

describe("locks", () => {
  test("a mutex is held by one at a time, in the order of asking", async () => {
    const mutex = new Mutex();
    const order: number[] = [];
    await mutex.lock();
    const others = [1, 2, 3].map((id) => mutex.withLock(() => void order.push(id)));
    expect(mutex.tryLock()).toBe(false);
    mutex.unlock();
    await Promise.all(others);
    expect(order).toEqual([1, 2, 3]);
    expect(() => mutex.unlock()).toThrow(expect.objectContaining({ code: "UNBALANCED" }));
  });

  test("a writer that waits holds back the readers behind it", async () => {
    const lock = new RWMutex();
    const order: string[] = [];
    await lock.readLock();
    expect(lock.tryReadLock()).toBe(true);
    const writer = lock.lock()?.then(() => order.push("writer"));
    const reader = lock.readLock()?.then(() => order.push("reader"));
    lock.readUnlock();
    lock.readUnlock();
    await writer;
    lock.unlock();
    await reader;
    expect(order).toEqual(["writer", "reader"]);
  });

  test("a cancelled request for a lock lets those behind it pass", async () => {
    const semaphore = new Semaphore(2);
    await semaphore.acquire(1);
    const [context, cancel] = background().withCancel();
    const large = semaphore.acquire(2, context);
    const small = semaphore.acquire(1);
    cancel();
    await expect(large).rejects.toMatchObject({ code: "CANCELLED" });
    await small;
    expect(semaphore.held).toBe(2);
  });

  test("a wait group waits for all, and counts below zero never", async () => {
    const group = new WaitGroup();
    group.add(2);
    const waiting = group.wait();
    group.done();
    group.done();
    await waiting;
    expect(group.wait()).toBeUndefined();
    expect(() => group.done()).toThrow(expect.objectContaining({ code: "UNBALANCED" }));
  });

  test("once runs once, and throws the same error to everybody", () => {
    let runs = 0;
    const once = new Once(() => {
      runs++;
      throw new Error("broken");
    });
    expect(() => once.do()).toThrow("broken");
    expect(() => once.do()).toThrow("broken");
    expect(runs).toBe(1);
  });
});

describe("a task group", () => {
  test("waits for all its goroutines", async () => {
    const group = new TaskGroup();
    const done: number[] = [];
    for (const id of [1, 2, 3]) group.go(() => void done.push(id));
    await group.wait();
    expect(done).toEqual([1, 2, 3]);
  });

  test("one that fails cancels the others, and its error is the group's", async () => {
    const group = new TaskGroup();
    const never = new Channel<number>();
    group.go(async (context) => void (await never.receive(context)));
    group.go(() => {
      throw new RangeError("first");
    });
    await expect(group.wait()).rejects.toThrow("first");
    expect(never.waiting.receivers).toBe(0);
    expect(() => group.go(() => {})).toThrow(expect.objectContaining({ code: "CANCELLED" }));
  });

  test("never runs more than its limit at a time", async () => {
    const group = new TaskGroup(background(), { concurrencyMax: 2 });
    let running = 0;
    let most = 0;
    for (let id = 0; id < 10; id++) {
      await group.go(async () => {
        most = Math.max(most, ++running);
        for (let turn = 0; turn < 10; turn++) await undefined;
        running--;
      });
    }
    await group.wait();
    expect(most).toBe(2);
  });
});

describe("pipelines", () => {
  const source = (count: number): Channel<number> => {
    const channel = new Channel<number>(count);
    for (let value = 0; value < count; value++) channel.send(value);
    channel.close();
    return channel;
  };

  test("merge yields everything and then closes", async () => {
    const { output, finished } = merge([source(3), source(4)]);
    expect((await all(output)).sort()).toEqual([0, 0, 1, 1, 2, 2, 3]);
    await finished;
  });

  test("mapConcurrently transforms every value once", async () => {
    const { output, finished } = mapConcurrently(source(20), { workerCount: 4 }, (value) => value * 2);
    expect((await all(output)).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, at) => at * 2));
    await finished;
  });

  test("a failing transformation ends the stage with its error", async () => {
    const { output, finished } = mapConcurrently(source(20), { workerCount: 4 }, (value) => {
      if (value === 7) throw new RangeError("seven");
      return value;
    });
    await all(output);
    await expect(finished).rejects.toThrow("seven");
  });

  test("fanOut deals values out, each to one", async () => {
    const { outputs, finished } = fanOut(source(30), 3);
    const dealt = await Promise.all(outputs.map((output) => all(output)));
    expect(dealt.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, at) => at));
    await finished;
  });
});
